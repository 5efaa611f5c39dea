using System.Text.Json;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Tests.Methods;

public sealed class MethodCatalogTests
{
    const string Names = "adamerging, auto, awd, dare, dare-ties, distill, e-wemoe, fisher, frozen-base, low-rank, multi-task, regmean, simple-average, "
        + "task-arithmetic, ties, wemoe";

    [Fact]
    public void A_recipe_without_a_method_averages() => Assert.Equal(new SimpleAverage(), MethodCatalog.Parse(new MergeRecipe().Method, out _));

    [Theory]
    [InlineData("""{ "name": "ties" }""")]
    [InlineData("""{ "density": 0.3, "name": "ties", "lambda": 1, "reference": "base" }""")]
    public void Parameters_left_out_have_their_defaults(string json) => Assert.Equal(new Ties(), Parse(json));

    [Fact]
    public void Parameters_are_read_from_the_recipe() => Assert.Equal(
        new Ties { Density = 1, Lambda = .5, Merge = DisjointMerge.Sum, Reference = "SC_Puddle", Scope = TrimScope.Model },
        Parse("""{ "name": "ties", "density": 1, "lambda": 0.5, "merge": "sum", "reference": "SC_Puddle", "scope": "model" }"""));

    [Theory]
    [InlineData("\"ties\"", "$.method.name", $"Allowed: {Names}.")]
    [InlineData("""{ "name": 3 }""", "$.method.name", $"Allowed: {Names}.")]
    [InlineData("""{ "density": 0.3 }""", "$.method.name", $"Allowed: {Names}.")]
    [InlineData("""{ "name": "tie" }""", "$.method.name", $"There is no method 'tie'. Allowed: {Names}.")]
    [InlineData("""{ "name": "simple-average", "lambda": 1 }""", "$.method.lambda", "'simple-average' has no such parameter. Allowed: name.")]
    [InlineData("""{ "name": "ties", "k": 1 }""", "$.method.k", "no such parameter. Allowed: name, density, lambda, merge, reference, scope.")]
    [InlineData("""{ "name": "ties", "density": 0 }""", "$.method.density", "0 is not allowed. Allowed: number, above 0 to 1.")]
    [InlineData("""{ "name": "ties", "density": 1e999 }""", "$.method.density", "1e999 is not allowed. Allowed: number, above 0 to 1.")]
    [InlineData("""{ "name": "ties", "density": null }""", "$.method.density", "null is not allowed. Allowed: number, above 0 to 1.")]
    [InlineData("""{ "name": "ties", "density": "0.5" }""", "$.method.density", "\"0.5\" is not allowed. Allowed: number, above 0 to 1.")]
    [InlineData("""{ "name": "ties", "reference": null }""", "$.method.reference", "null is not allowed. Allowed: string, not empty.")]
    [InlineData("""{ "name": "ties", "scope": "tree" }""", "$.method.scope", "\"tree\" is not allowed. Allowed: string, one of tensor, model.")]
    [InlineData("""{ "name": "ties", "scope": 1 }""", "$.method.scope", "1 is not allowed. Allowed: string, one of tensor, model.")]
    [InlineData("""{ "name": "ties", "scope": "1" }""", "$.method.scope", "\"1\" is not allowed. Allowed: string, one of tensor, model.")]
    [InlineData("""{ "name": "ties", "merge": "sum, max" }""", "$.method.merge", "Allowed: string, one of mean, sum, max.")]
    [InlineData("""{ "name": "dare", "drop": 1 }""", "$.method.drop", "1 is not allowed. Allowed: number, 0 to below 1.")]
    [InlineData("""{ "name": "dare", "seed": 0.5 }""", "$.method.seed", "0.5 is not allowed. Allowed: integer, 0 to 2147483647.")]
    [InlineData("""{ "name": "task-arithmetic", "lambda": -0.1 }""", "$.method.lambda", "-0.1 is not allowed. Allowed: number, 0 to 2.")]
    public void What_is_wrong_is_told_with_its_path_and_what_is_allowed(string json, string path, string reason)
    {
        Assert.Null(MethodCatalog.Parse(JsonDocument.Parse(json).RootElement, out var errors));
        var error = Assert.Single(errors);
        Assert.Equal(path, error.Path);
        Assert.EndsWith(reason, error.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void All_errors_are_told_at_once()
    {
        var json = JsonDocument.Parse("""{ "name": "ties", "density": 2, "lambda": [], "x": {} }""").RootElement;
        Assert.Null(MethodCatalog.Parse(json, out var errors, "$.steps[0]"));
        Assert.Equal(["$.steps[0].density", "$.steps[0].lambda", "$.steps[0].x"], errors.Select(error => error.Path));
    }

    [Theory]
    [InlineData("""{ "name": "\ud800" }""")]
    [InlineData("""{ "name": "ties", "\ud800": 1 }""")]
    [InlineData("""{ "name": "ties", "reference": "\ud800" }""")]
    public void Text_that_is_no_Unicode_is_an_error_and_no_exception(string json)
    {
        Assert.Null(MethodCatalog.Parse(JsonDocument.Parse(json).RootElement, out var errors));
        Assert.Single(errors);
    }

    [Fact]
    public void Every_method_is_described_with_its_parameters()
    {
        Assert.Equal(Names, string.Join(", ", MethodCatalog.Methods.Select(method => method.Name)));
        var ties = MethodCatalog.Methods.Single(method => method.Name == "ties");
        Assert.Equal(["density", "lambda", "merge", "reference", "scope"], ties.Parameters.Select(parameter => parameter.Name));
        var density = ties.Parameters[0];
        Assert.Equal(("number", .3, 0.0, 1.0, "above 0 to 1"), (density.Type, density.Default, density.Minimum, density.Maximum, density.Range));
        var merge = ties.Parameters[2];
        Assert.Equal(("string", "mean", "one of mean, sum, max"), (merge.Type, merge.Default, merge.Range));
        Assert.Equal("mean, sum, max", string.Join(", ", merge.Choices));
        Assert.All(MethodCatalog.Methods, method => Assert.NotEmpty(method.Summary));
    }

    [Fact]
    public void A_method_written_down_reads_back_the_same()
    {
        MergeMethod method = new Ties { Density = .2, Scope = TrimScope.Model, Merge = DisjointMerge.Max, Reference = "first-of-group" };
        Assert.Equal(method, MethodCatalog.Parse(JsonSerializer.SerializeToElement(method, JsonSerializerOptions.Web), out _));
    }

    public static TheoryData<MergeMethod> All => [.. EveryMethod.All];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_method_written_down_reads_back_the_same(MergeMethod method) =>
        Assert.Equal(method, MethodCatalog.Parse(JsonSerializer.SerializeToElement(method, JsonSerializerOptions.Web), out _));

    static MergeMethod? Parse(string json) => MethodCatalog.Parse(JsonDocument.Parse(json).RootElement, out _);
}
