using System.Net;
using System.Text.Json;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Tests.Merging;

/// <summary>What cannot be merged is said with what to change; nothing is published, and what is active stays active.</summary>
public sealed class MergeFailuresTests : IAsyncLifetime, IDisposable
{
    const string Query = "encoder.layer.0.attention.self.query.weight";

    readonly TemporaryDirectory data = new(), imports = new();
    RunningService service = null!;
    string before = "";

    HttpClient Admin => service.Admin;

    public async Task InitializeAsync()
    {
        foreach (var name in (string[])["tiny", "other"])
            new Checkpoint(TinyBundle.Config, TinyBundle.Encoder(seed: 3), null,
                TinyBundle.Tokenizer).Save(Path.Combine(data.Path, "base-models", name));
        service = await RunningService.Start(data.Path, settings: $"--Import:Directory={imports.Path}");
        await Define("first", "tiny");
        await Define("second", "tiny");
        await Define("elsewhere", "other");
        await Define("bare", baseModel: null);
        var active = TinyBundle.Publish(service, seed: 1, TinyBundle.Scale("first"));
        await Admin.PostAsync($"/v1/admin/bundles/{active}/activate", content: null).Json();
        before = await Bundles();
    }

    public async Task DisposeAsync()
    {
        // Whatever the test did: one bundle, and it scores.
        Assert.Equal(before, await Bundles());
        var body = new { responses = new[] { new { responseId = "r", text = "because it dries" } } };
        await service.Scorer.PostJson("/v1/items/first/scores", body).Json();
        await service.DisposeAsync();
    }

    public void Dispose()
    {
        data.Dispose();
        imports.Dispose();
    }

    [Theory]
    [InlineData("""{"itemIds":[]}""", "$.itemIds")]
    [InlineData("""{"itemIds":[7]}""", "$.itemIds[0]")]
    [InlineData("""{"itemIds":[null]}""", "$.itemIds[0]")]
    [InlineData("""{"itemIds":["first","missing"]}""", "$.itemIds[1]")]
    [InlineData("""{"item_ids":["first"]}""", "$.item_ids")]
    [InlineData("""{"grouping":{"strategy":"magic"}}""", "$.grouping.strategy")]
    [InlineData("""{"grouping":{"strategy":"language-model"}}""", "$.grouping.strategy")]
    [InlineData("""{"grouping":{"groups":0}}""", "$.grouping.groups")]
    [InlineData("""{"grouping":{"groups":3}}""", "$.grouping.groups")]
    [InlineData("""{"grouping":{"groups":"two"}}""", "$.grouping.groups")]
    [InlineData("""{"grouping":{"maxGroupSize":0}}""", "$.grouping.maxGroupSize")]
    [InlineData("""{"grouping":{"features":{"layer":0.5}}}""", "$.grouping.features.layer")]
    [InlineData("""{"grouping":{"features":{"pooling":"max"}}}""", "$.grouping.features.pooling")]
    [InlineData("""{"grouping":{"features":{"samples":5000}}}""", "$.grouping.features.samples")]
    [InlineData("""{"method":{"name":"magic"}}""", "$.method.name")]
    [InlineData("""{"method":{"name":"wemoe","prune":0.9}}""", "$.method.prune")]
    [InlineData("""{"method":{"name":"e-wemoe","prune":1.5}}""", "$.method.prune")]
    [InlineData("""{"method":{"name":"e-wemoe","steps":-1}}""", "$.method.steps")]
    [InlineData("""{"method":{"name":"e-wemoe","routerDepth":3}}""", "$.method.routerDepth")]
    [InlineData("""{"method":{"name":"low-rank","rank":0}}""", "$.method.rank")]
    [InlineData("""{"method":{"name":"adamerging","objective":"luck"}}""", "$.method.objective")]
    [InlineData("""{"method":{"name":"distill","start":"distill"}}""", "$.method.start")]
    [InlineData("""{"method":{"name":"multi-task","epochs":0}}""", "$.method.epochs")]
    [InlineData("""{"method":"ties"}""", "$.method.name")]
    [InlineData("""{"heads":{"retune":"yes"}}""", "$.heads.retune")]
    [InlineData("""{"heads":{"tune":true}}""", "$.heads.tune")]
    [InlineData("""{"floor":{"metric":"f2"}}""", "$.floor.metric")]
    [InlineData("""{"floor":{"maxDrop":-0.1}}""", "$.floor.maxDrop")]
    [InlineData("""{"floor":{"onBreach":"shrug"}}""", "$.floor.onBreach")]
    [InlineData("""{"precision":"int4"}""", "$.precision")]
    [InlineData("""{"activate":1}""", "$.activate")]
    public async Task A_wrong_field_of_a_recipe_is_named_by_its_path(string change, string path)
    {
        var recipe = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(change)!;
        recipe.TryAdd("itemIds", JsonSerializer.SerializeToElement(new[] { "first", "second" }));

        var problem = await Admin.PostJson("/v1/admin/merge-jobs", recipe).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty(path, out _), problem.GetRawText());
    }

    [Fact]
    public async Task An_item_without_a_model_is_named_with_what_it_needs()
    {
        var problem = await Admin.PostJson("/v1/admin/merge-jobs", new { itemIds = new[] { "first", "bare" }, method = new { name = "e-wemoe" } })
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        var reason = problem.GetProperty("errors").GetProperty("$.itemIds[1]")[0].GetString();
        Assert.Contains("'bare'", reason, StringComparison.Ordinal);
        Assert.Contains("train or import one", reason, StringComparison.Ordinal);
    }

    [Fact]
    public Task Models_of_different_bases_are_not_merged() =>
        Fails(["first", "elsewhere"], "different base models: tiny, other", "one base at a time");

    [Fact]
    public async Task A_model_of_another_shape_is_named_with_its_tensor()
    {
        var wider = TinyBundle.Config with { IntermediateSize = 24 };
        var encoder = BertTensors.Shapes(wider).ToDictionary(
            tensor => tensor.Key, tensor => new Tensor(tensor.Value, new float[tensor.Value.Aggregate(1, (product, size) => product * size)]));
        var path = ModelOf("second");
        Directory.Delete(path, recursive: true);
        new Checkpoint(wider, encoder, TinyBundle.Head(3, 7), TinyBundle.Tokenizer).Save(path);

        await Fails(["first", "second"], "in item model 'second' is [24", "from the same base");
    }

    [Fact]
    public async Task A_model_whose_file_holds_a_number_that_is_none_is_named_with_its_tensor_and_what_to_do()
    {
        SpoilQuery(Path.Combine(ModelOf("second"), "model.safetensors"));

        await Fails(["first", "second"], "'second'", Query, "holds NaN at position 0", "Train or import it again");
    }

    [Fact]
    public async Task A_checkpoint_with_a_number_that_is_none_is_not_imported()
    {
        SpoilQuery(Path.Combine(imports.Path, "second", "model.safetensors"));

        var problem = await Import("second", "tiny").Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains(Query, problem.String("detail"), StringComparison.Ordinal);
        Assert.Contains("every value must be finite", problem.String("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public Task A_layer_that_the_encoder_does_not_have_is_told_with_those_it_has() =>
        Fails(["first", "second"], new { groups = 1, features = new { layer = 99 } }, "choose 0 to 1");

    Task Fails(string[] itemIds, params string[] reasons) => Fails(itemIds, new { strategy = "one" }, reasons);

    async Task Fails(string[] itemIds, object grouping, params string[] reasons)
    {
        foreach (var method in (string[])["simple-average", "e-wemoe"])
        {
            var recipe = new { itemIds, grouping, method = new { name = method }, activate = true };
            var job = await Admin.EndJob("/v1/admin/merge-jobs", recipe);

            Assert.Equal("failed", job.String("state"));
            var detail = job.GetProperty("problem").String("detail");
            Assert.All(reasons, reason => Assert.Contains(reason, detail, StringComparison.Ordinal));
            Assert.DoesNotContain(data.Path, job.GetRawText(), StringComparison.Ordinal);
            await Admin.GetAsync($"/v1/admin/merge-jobs/{job.String("id")}/report").Problem(HttpStatusCode.Conflict, "no-report");
        }
    }

    async Task<string> Bundles() => (await Admin.GetAsync("/v1/admin/bundles").Json()).GetRawText();

    string ModelOf(string item) => Assert.Single(Directory.GetDirectories(Path.Combine(data.Path, "item-models", item)));

    async Task Define(string item, string? baseModel)
    {
        await Admin.PutJson($"/v1/admin/items/{item}", new { scoring = "multi-class", labels = new[] { "0", "1", "2" }, points = new[] { 0, 1, 2 } })
            .Json(HttpStatusCode.Created);
        var rows = string.Concat(Enumerable.Range(0, 9).Select(row => $"r{row},{(row % 3 == 0 ? "it dries" : "because it is sunny")},{row % 3}\n"));
        foreach (var split in (string[])["train", "validation", "test"])
            await Admin.PutAsync($"/v1/admin/items/{item}/responses?split={split}", Http.Text($"id,text,score\n{rows}", "text/csv")).Json();
        if (baseModel is null)
            return;
        new Checkpoint(TinyBundle.Config, TinyBundle.Encoder(item.Length), TinyBundle.Head(3, item.Length),
            TinyBundle.Tokenizer).Save(Path.Combine(imports.Path, item));
        await Import(item, baseModel).Json(HttpStatusCode.Created);
    }

    Task<HttpResponseMessage> Import(string item, string baseModel) =>
        Admin.PostJson($"/v1/admin/item-models/{item}", new { directory = item, baseModel });

    static void SpoilQuery(string path)
    {
        SafetensorsEntry entry;
        using (var file = SafetensorsFile.Open(path))
            entry = file.Entries[Query];
        using var stream = File.OpenWrite(path);
        stream.Position = entry.Offset;
        stream.Write(BitConverter.GetBytes(float.NaN));
    }
}
