using System.Text.Json;
using ScoringService.Benchmarks;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Tests.Benchmarks;

public sealed class QualityRowsTests
{
    static readonly string Directory = Path.Combine(AppContext.BaseDirectory, "samples", "recipes");
    static readonly string[] Items = ["a", "b", "c", "d", "e", "f"];
    static readonly MergePlan Plan = MergePlan.Of([["a", "d", "f"], ["b", "c"], ["e"]], Items);

    [Fact]
    public void Every_sample_recipe_is_a_row_or_named_as_not_measured()
    {
        var measured = QualityRows.Files.Select(row => row.File).Append("frozen-base.yaml").Concat(QualityRows.NotMeasured).ToHashSet();

        Assert.All(System.IO.Directory.EnumerateFiles(Directory, "*.yaml"), path => Assert.Contains(Path.GetFileName(path), measured));
    }

    [Fact]
    public void Every_row_has_its_own_name_and_a_recipe_whose_method_can_be_read()
    {
        var rows = QualityRows.All(Directory, groups: null, similarity: null);

        Assert.Equal(rows.Length, rows.Select(row => row.Name).Distinct().Count());
        Assert.All(rows, row => Assert.NotEmpty(QualityRows.HashOf(row.Recipe(_ => Plan))));
    }

    [Theory]
    [InlineData("""{"name":"ties"}""", """{"name":"ties","density":0.3,"lambda":1}""", true)]
    [InlineData("""{"name":"ties","density":0.3,"lambda":1.0}""", """{"lambda":1,"density":0.30,"name":"ties"}""", true)]
    [InlineData("""{"name":"ties"}""", """{"name":"ties","density":0.2}""", false)]
    [InlineData("""{"name":"ties"}""", """{"name":"awd"}""", false)]
    public void A_recipe_is_known_by_what_it_does_not_by_how_it_is_written(string first, string second, bool same)
    {
        static string HashOf(string method) => QualityRows.HashOf(new() { Method = JsonElement.Parse(method) });

        Assert.Equal(same, HashOf(first) == HashOf(second));
    }

    [Fact]
    public void Another_grouping_is_another_recipe()
    {
        var recipe = new MergeRecipe();

        Assert.NotEqual(QualityRows.HashOf(recipe), QualityRows.HashOf(recipe with { Grouping = new() { MaxGroupSize = 3 } }));
        Assert.NotEqual(QualityRows.HashOf(recipe), QualityRows.HashOf(recipe with { Heads = new() { Retune = false } }));
    }

    [Fact]
    public void Random_plans_have_the_sizes_of_the_other_plan_and_each_its_own_items()
    {
        var plans = Enumerable.Range(0, 20).Select(seed => QualityRows.Shuffled(Plan, seed).Select(group => group.ToArray()).ToArray()).ToArray();

        Assert.All(plans, plan =>
        {
            Assert.Equal([3, 2, 1], plan.Select(group => group.Length));
            Assert.Equal(Items, plan.SelectMany(group => group).Order());
        });
        Assert.True(plans.Select(plan => string.Join(' ', plan.SelectMany(group => group))).Distinct().Count() > 10);
        Assert.Equal(plans[7], QualityRows.Shuffled(Plan, 7).Select(group => group.ToArray()));
    }

    [Fact]
    public void Similarities_make_as_many_groups_as_the_other_plan_of_the_items_chosen()
    {
        // a-b and c-d are alike; x is not among the items.
        var similarity = new ItemSimilarity(["x", "a", "b", "c", "d"],
            [[1, 0, 0, 0, 0], [0, 1, 0.9, 0.1, 0.2], [0, 0.9, 1, 0.1, 0.1], [0, 0.1, 0.1, 1, 0.8], [0, 0.2, 0.1, 0.8, 1]]);

        var groups = similarity.Plan(MergePlan.Of([["a", "c"], ["b", "d"]], ["a", "b", "c", "d"]));

        Assert.Equal(["a b", "c d"], groups.Select(group => string.Join(' ', group)));
    }

    [Fact]
    public void A_similarity_that_lacks_an_item_is_refused() =>
        Assert.Throws<ArgumentException>(() => new ItemSimilarity(["a"], [[1]]).Plan(MergePlan.Together(["a", "b"])));

    [Fact]
    public void The_number_of_groups_asked_for_replaces_that_of_the_recipes()
    {
        var rows = QualityRows.All(Directory, groups: 4, similarity: null);

        Assert.Equal(4, Recipe("gw-smm/paper").Grouping.Groups!.Value.GetInt32());
        Assert.Null(Recipe("ties").Grouping.Groups);

        MergeRecipe Recipe(string name) => rows.Single(row => row.Name == name).Recipe(_ => Plan);
    }

    [Fact]
    public void Rows_are_asked_for_by_name()
    {
        var rows = QualityRows.All(Directory, groups: null, similarity: null);

        Assert.Equal(["all-average", "gw-smm"], QualityRows.Named(rows, "gw-smm, all-average,individual").Select(row => row.Name));
        Assert.Equal(rows.Length, QualityRows.Named(rows, "all").Length);
        Assert.Contains("'gwsmm'", Assert.Throws<ArgumentException>(() => QualityRows.Named(rows, "gwsmm")).Message, StringComparison.Ordinal);
    }
}
