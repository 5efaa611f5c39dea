using System.Net;
using System.Net.Http.Headers;
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

    [Theory]
    [InlineData("application/yaml")]
    [InlineData("application/x-yaml; charset=utf-8")]
    public async Task A_recipe_may_be_yaml(string type)
    {
        var content = Http.Text(
            """
            # As it could stand in a file.
            itemIds: [a, b]
            grouping: { strategy: manual, groups: [[a], [b]] }
            method:
              name: frozen-base
            floor: { maxDrop: 2e-2 }
            """, "application/yaml");
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);

        using var accepted = await service.Admin.PostAsync("/v1/admin/merge-jobs", content);
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        var job = await service.Admin.GetAsync(accepted.Headers.Location).Json();

        var recipe = job.GetProperty("recipe");
        Assert.Equal("""["a","b"]""", recipe.GetProperty("itemIds").GetRawText());
        Assert.Equal("""[["a"],["b"]]""", recipe.GetProperty("grouping").GetProperty("groups").GetRawText());
        Assert.Equal(0.02, recipe.GetProperty("floor").GetProperty("maxDrop").GetDouble());
        jobs.Succeed(new { });
    }

    [Theory]
    [InlineData("method: { name: frozen-base }\ngrouping: { strategy: one }\nitemIds: [a, nobody]\n", "$.itemIds[1]", "nobody")]
    [InlineData("method: { name: ties, density: 7 }\ngrouping: { strategy: one }\n", "$.method.density", "0 to 1")]
    [InlineData("method: { name: ties, density: '0.3' }\ngrouping: { strategy: one }\n", "$.method.density", "number")]
    [InlineData("floor:\n  maxDrop: 2\n", "$.floor.maxDrop", "between")]
    [InlineData("grouping:\n  features:\n    layr: 1\n", "$.grouping.features.layr", "Line 3: ")]
    [InlineData("activate: yes\n", "$.activate", "Line 1: ")]
    [InlineData("activate: true\nactivate: true\n", "$.activate", "Line 2: ")]
    [InlineData("method: !!map { name: ties }\n", "$.method", "Line 1: A tag")]
    [InlineData("a: &a [x, x]\nb: &b [*a, *a]\n", "$.a", "Line 1: An anchor")]
    [InlineData("method: { name: ties\n", "$", "not YAML")]
    [InlineData("null\n", "$", "object")]
    [InlineData("", "$", "Line 1: ")]
    public async Task What_is_wrong_with_a_yaml_recipe_is_named_by_its_path(string recipe, string path, string message)
    {
        var problem = await service.Admin.PostAsync("/v1/admin/merge-jobs", Http.Text(recipe, "application/yaml"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty(path, out var errors), problem.GetRawText());
        Assert.Contains(message, errors[0].GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    public async Task A_megabyte_of_nesting_is_refused(string opening)
    {
        var nested = string.Concat(Enumerable.Repeat(opening, 1_000_000 / opening.Length));

        await service.Admin.PostAsync("/v1/admin/merge-jobs", Http.Text(nested, "application/yaml"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Fact]
    public async Task Yaml_beyond_the_limit_is_refused() =>
        await service.Admin.PostAsync("/v1/admin/merge-jobs", Http.Text(new string('#', 2_000_000), "application/yaml"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

    [Fact]
    public async Task Yaml_that_is_not_utf8_is_refused()
    {
        var content = new ByteArrayContent([.. "itemIds: [caf"u8, 0xC3, 0x28, .. "]\n"u8]);
        content.Headers.ContentType = new("application/yaml");

        await service.Admin.PostAsync("/v1/admin/merge-jobs", content).Problem(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/yaml; charset=utf-16")]
    [InlineData(null)]
    public async Task A_recipe_of_another_media_type_is_415(string? type)
    {
        var content = new ByteArrayContent("activate: true"u8.ToArray());
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);

        await service.Admin.PostAsync("/v1/admin/merge-jobs", content).Problem(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }
}
