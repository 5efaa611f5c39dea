using System.Net;
using System.Text.Json;
using ScoringService.Api.Tests.LanguageModels;

namespace ScoringService.Api.Tests.Merging;

public sealed class LanguageModelGroupingTests
{
    const string Key = "sk-very-secret-0123456789";

    /// <summary>The real job, from the recipe to the report, against an endpoint on the loopback interface.</summary>
    [Fact]
    public async Task A_merge_is_planned_by_a_language_model_that_never_sees_a_response_and_its_words_are_in_the_report()
    {
        using var directory = new TemporaryDirectory();
        await using var endpoint = await ScriptedEndpoint.Start(ScriptedEndpoint.Rates);
        await using var service = await RunningService.Start(
            directory.Path,
            configure: null,
            $"--LanguageModel:Endpoint={endpoint.Address}",
            "--LanguageModel:Model=o1",
            $"--LanguageModel:ApiKey={Key}");
        string[] items = ["first", "second", "third"];
        foreach (var item in items)
            await Define(service, item);

        var job = await service.Admin.RunJob("/v1/admin/merge-jobs", new
        {
            itemIds = items,
            grouping = new { strategy = "language-model", groups = 2 },
            method = new { name = "frozen-base" },
        });

        var path = $"/v1/admin/merge-jobs/{job.String("id")}/report";
        var report = await service.Admin.GetAsync(path).Json();
        // The endpoint rates neighbours .5 and others .25: the first two are the nearest.
        Assert.Equal(["first,second", "third"], report.GetProperty("groups").EnumerateArray()
            .Select(group => string.Join(',', group.GetProperty("itemIds").EnumerateArray().Select(id => id.GetString()))));
        var (body, authorization) = Assert.Single(endpoint.Requests);
        Assert.Equal($"Bearer {Key}", authorization);
        Assert.Contains("Why does first lie?", body.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("because", body.GetRawText(), StringComparison.Ordinal);
        var exchange = report.GetProperty("provenance").GetProperty("exchanges")[0];
        Assert.Equal(body.GetProperty("messages")[1].String("content"), exchange.String("question"));
        var manifest = await service.Admin.GetAsync($"/v1/admin/bundles/{job.GetProperty("result").String("bundle")}").Json();
        Assert.True(JsonElement.DeepEquals(exchange, manifest.GetProperty("provenance").GetProperty("grouping").GetProperty("exchanges")[0]));
        Assert.DoesNotContain(Key, report.GetRawText() + job.GetRawText() + manifest.GetRawText(), StringComparison.Ordinal);

        Assert.Contains("Similarities", await service.Admin.Page(path), StringComparison.Ordinal);
    }

    static async Task Define(RunningService service, string item)
    {
        await service.Admin.PutJson(
            $"/v1/admin/items/{item}", new { title = item, prompt = $"Why does {item} lie?", scoring = "multi-class", labels = new[] { "0", "1" } })
            .Json(HttpStatusCode.Created);
        foreach (var split in new[] { "train", "validation", "test" })
        {
            string Row(int row) => $"{split}{row},{(row % 2 == 0 ? "no idea" : "because it is sunny")} {row},{row % 2}\n";
            var rows = "id,text,score\n" + string.Concat(Enumerable.Range(0, 8).Select(Row));
            await service.Admin.PutAsync($"/v1/admin/items/{item}/responses?split={split}", Http.Text(rows, "text/csv")).Json();
        }
    }
}
