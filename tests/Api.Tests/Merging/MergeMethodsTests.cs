using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Methods;

namespace ScoringService.Api.Tests.Merging;

/// <summary>Every method over real HTTP: from the recipe to a bundle that scores, and its report.</summary>
public sealed class MergeMethodsTests(TrainedItems items) : IClassFixture<TrainedItems>
{
    static readonly Dictionary<string, object> Least = new()
    {
        ["steps"] = 1, ["batchSize"] = 4, ["epochs"] = 1, ["samples"] = 8, ["rank"] = 2, ["iterations"] = 10,
    };

    /// <summary>All but E-WEMoE and TIES, which have tests of their own.</summary>
    public static TheoryData<string> Names => [.. MethodCatalog.Methods.Select(method => method.Name).Except(["e-wemoe", "ties"])];

    HttpClient Admin => items.Service.Admin;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_method_of_the_catalog_makes_a_bundle_that_scores_and_a_report(string name)
    {
        var merged = await Merge(new { strategy = "one" }, Small(name));

        var bundle = merged.GetProperty("result").String("bundle");
        Assert.Equal(name, (await Listed(bundle)).String("method"));
        await Scores(bundle);
        var report = await Report(merged);
        Assert.Equal(name, report.GetProperty("method").String("name"));
        Assert.Equal(1, report.GetProperty("encoders").GetInt32());
        Assert.Equal((await Listed(bundle)).GetProperty("bytes").GetInt64(), report.GetProperty("bytes").GetInt64());
    }

    // base + kept values + d² + d + dT + T, and the heads; strict quantiles keep (n−1) − ⌊ρ(n−1)⌋ of n (algorithm brief §3.2 and §3.4).
    [Fact]
    public async Task E_WEMoE_makes_a_bundle_that_scores_and_stores_what_its_formula_says()
    {
        const int experts = 2, labels = 3;
        var merged = await Merge(new { strategy = "one" }, new { name = "e-wemoe", steps = 2, batchSize = 4 });

        await Scores(merged.GetProperty("result").String("bundle"));
        var (shapes, d) = (BertTensors.Shapes(items.Config), items.Config.HiddenSize);
        var kept = Enumerable.Range(0, items.Config.Layers).SelectMany(layer => WeightEnsemblingEncoder.TensorsOf(layer, RoutedModule.Mlp))
            .Sum(tensor => experts * (Size(shapes[tensor]) - 1 - (int)Math.Floor(.9 * (Size(shapes[tensor]) - 1))));
        var parameters = (await Report(merged)).GetProperty("parameters").GetInt32();
        // Values that are equal at the quantile go together, so that a few less than the formula's may be kept.
        var (most, others) = (kept, shapes.Values.Sum(Size) + (d * d) + d + (d * experts) + experts + (experts * ((labels * d) + labels)));
        Assert.InRange(parameters - others, .99 * most, most);

        static int Size(ImmutableArray<int> shape) => shape.Aggregate((product, size) => product * size);
    }

    [Fact]
    public async Task GW_SMM_merges_by_TIES_what_lies_closest_and_shows_how_close()
    {
        // Of two layers, the third hidden state from the end is the embeddings, where every response's first token is the same.
        var grouping = new { strategy = "gromov-wasserstein", groups = 1, features = new { layer = -2, samples = 16 } };

        var merged = await Merge(grouping, new { name = "ties", density = .3, lambda = .5 });

        await Scores(merged.GetProperty("result").String("bundle"));
        var report = await Report(merged);
        Assert.Equal(.5, report.GetProperty("method").GetProperty("parameters").GetProperty("lambda").GetDouble());
        var alignment = report.GetProperty("alignment");
        Assert.True(alignment.GetProperty("distances")[0][1].GetDouble() > 0);
        Assert.Equal(1, alignment.GetProperty("dendrogram").GetArrayLength());
        Assert.Equal(2, report.GetProperty("mergedOnly").GetProperty("items").GetInt32());
    }

    Task<JsonElement> Merge(object grouping, object method) =>
        Admin.RunJob("/v1/admin/merge-jobs", new { itemIds = TrainedItems.Ids, grouping, method });

    async Task<JsonElement> Listed(string bundle) => (await Admin.GetAsync("/v1/admin/bundles").Json()).GetProperty("bundles").EnumerateArray()
        .Single(listed => listed.String("id") == bundle);

    async Task Scores(string bundle)
    {
        Assert.Equal("active", (await Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json()).String("state"));
        await items.Service.Anonymous.GetAsync("/health/ready").Json();
        var answer = await items.Service.Scorer.PostJson("/v1/scores", new
        {
            responses = TrainedItems.Ids.Select(item => new { responseId = item, itemId = item, text = "It evaporated in the sun." }),
        }).Json();
        Assert.All(answer.GetProperty("results").EnumerateArray(), result =>
        {
            Assert.Equal(("scored", bundle), (result.String("status"), result.String("bundle")));
            Assert.Equal(1, result.GetProperty("labels").EnumerateArray().Sum(label => label.GetProperty("probability").GetDouble()), 1e-6);
        });
    }

    /// <summary>The report, once it is also a page that shows every item.</summary>
    async Task<JsonElement> Report(JsonElement job)
    {
        var path = $"/v1/admin/merge-jobs/{job.String("id")}/report";
        var page = await Admin.Page(path);
        Assert.All(TrainedItems.Ids, item => Assert.Contains(item, page, StringComparison.Ordinal));
        var report = await Admin.GetAsync(path).Json();
        Assert.Equal(TrainedItems.Ids, report.GetProperty("items").EnumerateArray().Select(item => item.String("itemId")));
        return report;
    }

    static Dictionary<string, object> Small(string name)
    {
        var known = MethodCatalog.Methods.Single(method => method.Name == name).Parameters.Select(parameter => parameter.Name);
        return new(Least.Where(setting => known.Contains(setting.Key))) { ["name"] = name };
    }
}
