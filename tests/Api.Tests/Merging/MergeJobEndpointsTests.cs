using System.Net;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.Tests.Merging;

public sealed class MergeJobEndpointsTests : IAsyncLifetime, IDisposable
{
    readonly TemporaryDirectory directory = new();
    readonly ScriptedJobs jobs = new();
    RunningService service = null!;

    public async Task InitializeAsync()
    {
        service = await RunningService.Start(directory.Path, builder => builder.Services.AddKeyedSingleton<IJobHandler>(JobKinds.Merge, jobs));
        foreach (var item in new[] { "a", "b", "c" })
        {
            await service.Admin.PutJson($"/v1/admin/items/{item}", new { scoring = "multi-class", labels = new[] { "0", "1" } })
                .Json(HttpStatusCode.Created);
            await service.Admin.PutAsync($"/v1/admin/items/{item}/responses?split=train", Http.Text("id,text,score\nr,t,1\n", "text/csv")).Json();
        }
    }

    public async Task DisposeAsync() => await service.DisposeAsync();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task The_job_shows_its_recipe_with_every_default_filled_in()
    {
        var sparse = new { grouping = new { strategy = "one" }, method = new { name = "frozen-base" } };
        using var accepted = await service.Admin.PostJson("/v1/admin/merge-jobs", sparse);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var job = await service.Admin.GetAsync(accepted.Headers.Location).Json();

        var recipe = job.GetProperty("recipe");
        Assert.Equal("""["*"]""", recipe.GetProperty("itemIds").GetRawText());
        Assert.Equal("one", recipe.GetProperty("grouping").String("strategy"));
        Assert.Equal("keep", recipe.GetProperty("floor").String("onBreach"));
        Assert.True(recipe.GetProperty("heads").GetProperty("retune").GetBoolean());
        await service.Admin.GetAsync($"{accepted.Headers.Location}/report").Problem(HttpStatusCode.Conflict, "no-report");
        jobs.Succeed(new { });
    }

    [Theory]
    [InlineData("""{"method":{"name":"simple-average"},"grouping":{"strategy":"one"}}""", "$.itemIds")]
    [InlineData("""{"itemIds":["a","b","nobody"],"method":{"name":"frozen-base"},"grouping":{"strategy":"one"}}""", "$.itemIds[2]")]
    [InlineData("""{"itemIds":["a","a"],"method":{"name":"frozen-base"},"grouping":{"strategy":"one"}}""", "$.itemIds[1]")]
    [InlineData("""{"itemIds":["a","b"],"method":{"name":"frozen-base"},"grouping":{"strategy":"manual","groups":[["a"]]}}""", "$.grouping.groups")]
    [InlineData("""{"itemIds":["a","b"],"method":{"name":"frozen-base"},"grouping":{"strategy":"manual","groups":[["a"],["b","a"]]}}""",
        "$.grouping.groups")]
    [InlineData("""{"itemIds":["a","b"],"method":{"name":"frozen-base"},"grouping":{"strategy":"manual"}}""", "$.grouping.groups")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one"},"precision":"int3"}""", "$.precision")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one","linkage":"single"}}""", "$.grouping.linkage")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one"},"floor":{"maxDrop":2}}""", "$.floor.maxDrop")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one","features":{"samples":1}}}""", "$.grouping.features.samples")]
    [InlineData("""{"method":{"name":"ties","density":7},"grouping":{"strategy":"one"}}""", "$.method.density")]
    public async Task What_is_wrong_with_a_recipe_is_named_by_its_path(string recipe, string path)
    {
        var problem = await service.Admin.PostAsync("/v1/admin/merge-jobs", Http.Text(recipe, "application/json"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty(path, out _), problem.GetRawText());
    }
}
