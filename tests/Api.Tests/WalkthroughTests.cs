using System.Text.Json;

namespace ScoringService.Api.Tests;

/// <summary>The sequence of samples/http/walkthrough.sh over real HTTP, with real models on a little of the real data.</summary>
public sealed class WalkthroughTests : IAsyncLifetime, IDisposable
{
    static readonly string[] Items = ["SC_Moon", "SC_Puddle"];

    readonly TemporaryDirectory directory = new();
    RunningService service = null!;

    HttpClient Admin => service.Admin;

    public async Task InitializeAsync() => service = await RunningService.Start(directory.Path);

    public async Task DisposeAsync() => await service.DisposeAsync();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task From_items_and_responses_to_scores_and_back()
    {
        foreach (var item in Items)
            await SampleItems.Define(Admin, item);

        var trained = await Admin.RunJob("/v1/admin/training-jobs", new { itemIds = Items, epochs = 1, maxTokens = 24 });
        Assert.Equal(Items, trained.GetProperty("result").GetProperty("models").EnumerateArray().Select(model => model.String("itemId")));
        Assert.Equal("trained", (await Admin.GetAsync($"/v1/admin/items/{Items[0]}").Json()).GetProperty("model").String("source"));

        var merged = await Merge(new { strategy = "gromov-wasserstein", groups = 1, features = new { samples = 16 } });
        var separate = await Merge(new { strategy = "none" });
        Assert.Equal(1, merged.GetProperty("result").GetProperty("encoders").GetInt32());
        Assert.Equal(2, separate.GetProperty("result").GetProperty("encoders").GetInt32());
        await ReportShows(merged.String("id"));
        await SearchIsKept(await Merge(new { strategy = "one" }, new { name = "auto", budgetMinutes = 0 }));

        await Activate(Bundle(separate));
        await Activate(Bundle(merged));
        await service.Anonymous.GetAsync("/health/ready").Json();
        Assert.Equal(Bundle(merged), await ScoreOne());
        await ScoreMixed();

        var rolledBack = await Admin.PostAsync("/v1/admin/bundles/rollback", content: null).Json();
        Assert.Equal(Bundle(separate), rolledBack.String("id"));
        Assert.Equal(Bundle(separate), await ScoreOne());
    }

    Task<JsonElement> Merge(object grouping, object? method = null) =>
        Admin.RunJob("/v1/admin/merge-jobs", new { itemIds = Items, grouping, method = method ?? new { name = "simple-average" } });

    /// <summary>What was tried is in the report, on its page and in the bundle's manifest.</summary>
    async Task SearchIsKept(JsonElement job)
    {
        var path = $"/v1/admin/merge-jobs/{job.String("id")}/report";
        var report = await Admin.GetAsync(path).Json();
        var candidates = report.GetProperty("search").GetProperty("candidates").EnumerateArray().ToArray();
        Assert.Equal("simple-average", candidates.Single(candidate => candidate.GetProperty("chosen").GetBoolean()).String("name"));
        Assert.Contains("class=\"pareto\"", await Admin.Page(path), StringComparison.Ordinal);

        var manifest = await Admin.GetAsync($"/v1/admin/bundles/{Bundle(job)}").Json();
        Assert.Equal("auto", manifest.String("method"));
        var provenance = manifest.GetProperty("provenance");
        Assert.Equal("simple-average", provenance.GetProperty("chosen").String("name"));
        Assert.Equal(candidates.Length, provenance.GetProperty("search").GetProperty("candidates").GetArrayLength());
        Assert.Equal(Items.Select(item => $"items/{item}").Append("minilm-l6"),
            manifest.GetProperty("parents").EnumerateObject().Select(parent => parent.Name));
    }

    async Task ReportShows(string job)
    {
        var report = await Admin.GetAsync($"/v1/admin/merge-jobs/{job}/report").Json();
        Assert.Equal(Items, report.GetProperty("items").EnumerateArray().Select(item => item.String("itemId")));
        Assert.Equal(2, report.GetProperty("alignment").GetProperty("distances").GetArrayLength());
        Assert.True(report.GetProperty("bytes").GetInt64() > 0);

        var html = await Admin.Page($"/v1/admin/merge-jobs/{job}/report");
        Assert.All(Items, item => Assert.Contains(item, html, StringComparison.Ordinal));
    }

    async Task Activate(string bundle) =>
        Assert.Equal("active", (await Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json()).String("state"));

    async Task<string> ScoreOne()
    {
        var body = new { responses = new[] { new { responseId = "r1", text = "It evaporated in the sun." } } };
        var answer = await service.Scorer.PostJson($"/v1/items/{Items[0]}/scores", body).Json();
        return answer.GetProperty("results")[0].String("bundle");
    }

    async Task ScoreMixed()
    {
        var answer = await service.Scorer.PostJson("/v1/scores", new
        {
            responses = Items.Append("no-such-item").Select((item, i) => new { responseId = $"r{i}", itemId = item, text = "It evaporated in the sun." }),
        }).Json();
        Assert.Equal(["scored", "scored", "rejected"], answer.GetProperty("results").EnumerateArray().Select(result => result.String("status")));
    }

    static string Bundle(JsonElement merge) => merge.GetProperty("result").String("bundle");
}
