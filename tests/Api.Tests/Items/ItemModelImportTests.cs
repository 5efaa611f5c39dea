using System.Net;
using System.Net.Http.Headers;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Tests.Items;

public sealed class ItemModelImportTests : IAsyncLifetime, IDisposable
{
    readonly TemporaryDirectory data = new(), imports = new();
    RunningService service = null!;

    public async Task InitializeAsync()
    {
        Tiny(head: null).Save(Path.Combine(data.Path, "base-models", "tiny"));
        Tiny(TinyBundle.Head(labels: 3, seed: 7)).Save(Path.Combine(imports.Path, "good"));
        Tiny(TinyBundle.Head(labels: 2, seed: 7)).Save(Path.Combine(imports.Path, "two-labels"));
        Tiny(head: null).Save(Path.Combine(imports.Path, "headless"));
        service = await RunningService.Start(data.Path, settings: $"--Import:Directory={imports.Path}");
        await service.Admin.PutJson("/v1/admin/items/item", new { scoring = "multi-class", labels = new[] { "0", "1", "2" } })
            .Json(HttpStatusCode.Created);
    }

    public async Task DisposeAsync() => await service.DisposeAsync();

    public void Dispose()
    {
        data.Dispose();
        imports.Dispose();
    }

    [Fact]
    public async Task A_checkpoint_on_the_server_becomes_the_items_model()
    {
        var item = await Import(new { directory = "good", baseModel = "tiny" }).Json(HttpStatusCode.Created);

        var model = item.GetProperty("model");
        Assert.Equal("imported", model.String("source"));
        var kept = Checkpoint.Load(Path.Combine(data.Path, "item-models", "item", model.String("hash")));
        Assert.Equal(TinyBundle.Head(labels: 3, seed: 7).Weight.Values, kept.Head!.Weight.Values);
    }

    [Fact]
    public async Task A_checkpoint_in_the_request_becomes_the_items_model()
    {
        using var form = Form(Path.Combine(imports.Path, "good"));

        var item = await service.Admin.PostAsync("/v1/admin/item-models/item", form).Json(HttpStatusCode.Created);

        Assert.Equal("imported", item.GetProperty("model").String("source"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(data.Path, "uploads")));
    }

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.PT")]
    public async Task Pickles_are_refused_by_name(string file)
    {
        using var form = Form(Path.Combine(imports.Path, "good"));
        form.Add(new ByteArrayContent([0x80, 0x02]), "file", file);

        var problem = await service.Admin.PostAsync("/v1/admin/item-models/item", form).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty(file, out _));
    }

    [Theory]
    [InlineData("two-labels", "The head has 2 labels; item 'item' has 3.")]
    [InlineData("headless", "has no head")]
    [InlineData("nowhere", "no directory 'nowhere'")]
    [InlineData("../outside", "no directory '../outside'")]
    [InlineData("/etc", "no directory '/etc'")]
    public async Task What_does_not_fit_is_refused_with_the_reason(string name, string reason)
    {
        var problem = await Import(new { directory = name, baseModel = "tiny" }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains(reason, problem.String("detail"), StringComparison.Ordinal);
        Assert.DoesNotContain(imports.Path, problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Broken_weights_are_refused_without_showing_where_they_lay()
    {
        var weights = Path.Combine(imports.Path, "good", "model.safetensors");
        await File.WriteAllBytesAsync(weights, (await File.ReadAllBytesAsync(weights))[..^4]);

        var problem = await Import(new { directory = "good", baseModel = "tiny" }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("model.safetensors", problem.String("detail"), StringComparison.Ordinal);
        Assert.DoesNotContain(imports.Path, problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_encoder_than_the_bases_is_refused()
    {
        var wider = TinyBundle.Config with { IntermediateSize = 24 };
        var encoder = BertTensors.Shapes(wider).ToDictionary(
            entry => entry.Key, entry => new Tensor(entry.Value, new float[entry.Value.Aggregate(1, (product, size) => product * size)]));
        new Checkpoint(wider, encoder, TinyBundle.Head(3, 7), TinyBundle.Tokenizer).Save(Path.Combine(imports.Path, "wider"));

        var problem = await Import(new { directory = "wider", baseModel = "tiny" }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("base model 'tiny'", problem.String("detail"), StringComparison.Ordinal);
    }

    Task<HttpResponseMessage> Import(object request) => service.Admin.PostJson("/v1/admin/item-models/item", request);

    static MultipartFormDataContent Form(string directory)
    {
        var form = new MultipartFormDataContent { { new StringContent("tiny"), "baseModel" } };
        foreach (var file in Directory.EnumerateFiles(directory))
        {
            var content = new ByteArrayContent(File.ReadAllBytes(file));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(content, Path.GetFileName(file), Path.GetFileName(file));
        }

        return form;
    }

    static Checkpoint Tiny(Head? head) => new(TinyBundle.Config, TinyBundle.Encoder(seed: 3), head, TinyBundle.Tokenizer);
}
