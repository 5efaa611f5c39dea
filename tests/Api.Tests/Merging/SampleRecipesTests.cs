using ScoringService.Api.Items;
using ScoringService.Api.LanguageModels;
using ScoringService.Api.Merging;
using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Tests.Merging;

/// <summary>The recipes that come with the service, held to what a posted recipe is held to.</summary>
public sealed class SampleRecipesTests
{
    static readonly string Directory = Path.Combine(AppContext.BaseDirectory, "samples", "recipes");

    static readonly ItemView[] Items = [.. Enumerable.Range(0, 12).Select(number => new ItemView
    {
        ItemId = $"item{number}",
        Title = "",
        Prompt = "",
        ReferenceAnswer = "",
        Rubric = "",
        Scoring = ScoringKind.MultiClass,
        Labels = ["0", "1"],
        Points = [0, 1],
        Minimum = 0,
        Maximum = 1,
        Responses = new(Train: 1, Validation: 1, Test: 1, ScoredTwice: 0),
        Model = new("0", ItemModelSource.Trained, BaseModel: null, Metrics: null, default),
        UpdatedAt = default,
    })];

    static readonly string[] Names = [.. System.IO.Directory.EnumerateFiles(Directory, "*.yaml").Select(path => Path.GetFileName(path)).Order()];

    public static TheoryData<string> Files => [.. Names];

    [Theory]
    [MemberData(nameof(Files))]
    public void A_recipe_can_be_posted_as_it_is(string file)
    {
        var validation = new Validation();

        MergeRecipeValidation.ItemsOf(RecipeFile.Read(Path.Combine(Directory, file)), Items, new LanguageModelOptions(), validation);

        Assert.False(validation.Failed, validation.Failed ? validation.Problem.ProblemDetails.Detail : "");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void A_recipe_says_first_where_it_comes_from(string file) =>
        Assert.StartsWith("# ", File.ReadAllText(Path.Combine(Directory, file)), StringComparison.Ordinal);

    [Fact]
    public void The_table_lists_every_recipe()
    {
        var table = File.ReadAllText(Path.Combine(Directory, "README.md"));

        Assert.NotEmpty(Names);
        Assert.All(Names, name => Assert.Contains($"| [{name}]({name}) | ", table, StringComparison.Ordinal));
    }
}
