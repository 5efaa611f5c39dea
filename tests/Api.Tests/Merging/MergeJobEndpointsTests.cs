using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.Tests.Merging;

public sealed class MergeJobEndpointsTests : IAsyncLifetime, IDisposable
{
    static readonly object FrozenBase = new { name = "frozen-base" };

    readonly TemporaryDirectory directory = new();
    readonly ScriptedJobs jobs = new();
    RunningService service = null!;

    public async Task InitializeAsync()
    {
        service = await RunningService.Start(directory.Path, builder => builder.Services.AddKeyedSingleton<IJobHandler>(JobKinds.Merge, jobs));
        foreach (var item in new[] { "a", "b", "c" })
            await DefineItem(service, item);
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
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one","linkage":"ward"}}""", "$.grouping.linkage")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one"},"floor":{"maxDrop":2}}""", "$.floor.maxDrop")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"one","features":{"samples":1}}}""", "$.grouping.features.samples")]
    [InlineData("""{"method":{"name":"frozen-base"},"grouping":{"strategy":"expert","similarity":[[1,0.5,0],[0.5,1,0],[0,0,1]]}}""", "$.itemIds")]
    [InlineData("""{"method":{"name":"ties","density":7},"grouping":{"strategy":"one"}}""", "$.method.density")]
    public async Task What_is_wrong_with_a_recipe_is_named_by_its_path(string recipe, string path)
    {
        var problem = await service.Admin.PostAsync("/v1/admin/merge-jobs", Http.Text(recipe, "application/json"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty(path, out _), problem.GetRawText());
    }

    [Theory]
    [InlineData("""{"strategy":"expert"}""", "$.grouping.similarity")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5]]}""", "$.grouping.similarity")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5],[0.5]]}""", "$.grouping.similarity[1]")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5],[0.4,1]]}""", "$.grouping.similarity[1][0]")]
    [InlineData("""{"strategy":"expert","similarity":[[1,1.5],[1.5,1]]}""", "$.grouping.similarity[1][0]")]
    [InlineData("""{"strategy":"expert","similarity":[[0,0.5],[0.5,1]]}""", "$.grouping.similarity[0][0]")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5],null]}""", "$.grouping.similarity[1]")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5],[0.5,1]],"groups":3}""", "$.grouping.groups")]
    [InlineData("""{"strategy":"expert","similarity":[[1,0.5],[0.5,1]],"groups":[["a","b"]]}""", "$.grouping.groups")]
    [InlineData("""{"strategy":"one","similarity":[[1,0.5],[0.5,1]]}""", "$.grouping.similarity")]
    [InlineData("""{"strategy":"language-model"}""", "$.grouping.strategy")]
    [InlineData("""{"strategy":"one","features":{"repeats":0}}""", "$.grouping.features.repeats")]
    [InlineData("""{"strategy":"one","features":{"repeats":11}}""", "$.grouping.features.repeats")]
    [InlineData("""{"strategy":"one","features":{"restarts":0}}""", "$.grouping.features.restarts")]
    [InlineData("""{"strategy":"one","features":{"output":"cubed"}}""", "$.grouping.features.output")]
    [InlineData("""{"strategy":"one","prune":"yes"}""", "$.grouping.prune")]
    public async Task What_is_wrong_with_the_grouping_is_named_by_its_path(string grouping, string path) =>
        await What_is_wrong_with_a_recipe_is_named_by_its_path(
            $$"""{"itemIds":["a","b"],"method":{"name":"frozen-base"},"grouping":{{grouping}}}""", path);

    [Fact]
    public async Task Similarities_of_an_expert_need_no_models()
    {
        double[][] similarity = [[1, 0.5], [0.5, 1]];
        var grouping = new { strategy = "expert", similarity, linkage = "complete" };

        var job = await service.Admin.PostJson("/v1/admin/merge-jobs", new { itemIds = new[] { "c", "a" }, grouping, method = FrozenBase })
            .Json(HttpStatusCode.Accepted);

        Assert.Equal("[[1,0.5],[0.5,1]]", job.GetProperty("recipe").GetProperty("grouping").GetProperty("similarity").GetRawText());
        jobs.Succeed(new { });
    }

    [Fact]
    public async Task Without_a_language_model_the_recipe_is_refused_with_the_settings_to_make()
    {
        var recipe = new { grouping = new { strategy = "language-model" }, method = FrozenBase };

        var problem = await service.Admin.PostJson("/v1/admin/merge-jobs", recipe).Problem(HttpStatusCode.BadRequest, "invalid-request");

        var reason = problem.GetProperty("errors").GetProperty("$.grouping.strategy")[0].GetString();
        Assert.Contains("LanguageModel:Endpoint", reason, StringComparison.Ordinal);
        Assert.Contains("LanguageModel:Model", reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_language_model_is_not_asked_about_more_items_than_the_settings_allow()
    {
        using var other = new TemporaryDirectory();
        await using var configured = await RunningService.Start(
            other.Path,
            builder => builder.Services.AddKeyedSingleton<IJobHandler>(JobKinds.Merge, jobs),
            "--LanguageModel:Endpoint=http://127.0.0.1:9/v1", "--LanguageModel:Model=o1", "--LanguageModel:MaxItems=2");
        foreach (var item in new[] { "a", "b", "c" })
            await DefineItem(configured, item);
        Task<HttpResponseMessage> Merge(params string[] itemIds) => configured.Admin.PostJson(
            "/v1/admin/merge-jobs", new { itemIds, grouping = new { strategy = "language-model" }, method = FrozenBase });

        var problem = await Merge("a", "b", "c").Problem(HttpStatusCode.BadRequest, "invalid-request");
        Assert.Contains("LanguageModel:MaxItems", problem.GetRawText(), StringComparison.Ordinal);

        await Merge("a", "b").Json(HttpStatusCode.Accepted);
        jobs.Succeed(new { });
    }

    static async Task DefineItem(RunningService service, string item)
    {
        await service.Admin.PutJson($"/v1/admin/items/{item}", new { scoring = "multi-class", labels = new[] { "0", "1" } })
            .Json(HttpStatusCode.Created);
        await service.Admin.PutAsync($"/v1/admin/items/{item}/responses?split=train", Http.Text("id,text,score\nr,t,1\n", "text/csv")).Json();
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
