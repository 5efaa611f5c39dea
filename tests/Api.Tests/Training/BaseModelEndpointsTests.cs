using System.Net;
using System.Net.Http.Headers;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Tests.Training;

public sealed class BaseModelEndpointsTests : IAsyncLifetime, IDisposable
{
    readonly TemporaryDirectory data = new(), imports = new();
    RunningService service = null!;

    public async Task InitializeAsync()
    {
        Tiny().Save(Path.Combine(imports.Path, "good"));
        service = await RunningService.Start(data.Path, settings: $"--Import:Directory={imports.Path}");
    }

    public async Task DisposeAsync() => await service.DisposeAsync();

    public void Dispose()
    {
        data.Dispose();
        imports.Dispose();
    }

    [Fact]
    public async Task Two_base_models_are_known_from_the_start()
    {
        var list = await service.Admin.GetAsync("/v1/admin/base-models").Json();

        Assert.Equal(["arctic-xs", "minilm-l6"], list.GetProperty("baseModels").EnumerateArray().Select(model => model.String("name")));
        Assert.All(list.GetProperty("baseModels").EnumerateArray(), model => Assert.True(model.GetProperty("shipped").GetBoolean()));
    }

    [Fact]
    public async Task A_directory_on_the_server_becomes_a_base_model_of_its_own_size()
    {
        var answer = Register(new { name = "own", directory = "good" });

        var model = await answer.Json(HttpStatusCode.Created);
        Assert.Equal("/v1/admin/base-models/own", (await answer).Headers.Location!.ToString());
        Assert.Equal(TinyBundle.Config.HiddenSize, model.GetProperty("hiddenSize").GetInt32());
        Assert.False(model.GetProperty("shipped").GetBoolean());
        Assert.Equal(model.GetRawText(), (await service.Admin.GetAsync("/v1/admin/base-models/own").Json()).GetRawText());
        Assert.Null(Checkpoint.Load(Path.Combine(data.Path, "base-models", "own")).Head);
    }

    [Fact]
    public async Task A_checkpoint_in_the_request_becomes_a_base_model_without_its_head()
    {
        (Tiny() with { Head = TinyBundle.Head(labels: 3, seed: 7) }).Save(Path.Combine(imports.Path, "headed"));
        using var form = new MultipartFormDataContent { { new StringContent("sent"), "name" } };
        foreach (var file in Directory.EnumerateFiles(Path.Combine(imports.Path, "headed")))
        {
            var content = new ByteArrayContent(await File.ReadAllBytesAsync(file));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            form.Add(content, Path.GetFileName(file), Path.GetFileName(file));
        }

        await service.Admin.PostAsync("/v1/admin/base-models", form).Json(HttpStatusCode.Created);

        Assert.Null(Checkpoint.Load(Path.Combine(data.Path, "base-models", "sent")).Head);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(data.Path, "uploads")));
    }

    [Fact]
    public async Task A_name_is_given_once()
    {
        await Register(new { name = "once", directory = "good" }).Json(HttpStatusCode.Created);

        await Register(new { name = "once", directory = "good" }).Problem(HttpStatusCode.Conflict, "base-model-exists");
        await Register(new { name = "minilm-l6", directory = "good" }).Problem(HttpStatusCode.Conflict, "base-model-exists");
    }

    [Theory]
    [InlineData("../up", "good", "begins with a letter or digit")]
    [InlineData("x", "nowhere", "no directory 'nowhere'")]
    [InlineData("x", "../outside", "no directory '../outside'")]
    public async Task What_cannot_be_registered_is_refused_with_the_reason(string name, string directory, string reason)
    {
        var problem = await Register(new { name, directory }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains(reason, problem.String("detail"), StringComparison.Ordinal);
        Assert.DoesNotContain(imports.Path, problem.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Weights_whose_forward_pass_overflows_are_refused()
    {
        var tiny = Tiny();
        const string Name = "encoder.layer.0.output.dense.weight";
        var huge = tiny.Encoder[Name] with { Values = [.. tiny.Encoder[Name].Values.Select(_ => 3e38f)] };
        (tiny with { Encoder = new Dictionary<string, Tensor>(tiny.Encoder) { [Name] = huge } }).Save(Path.Combine(imports.Path, "huge"));

        var problem = await Register(new { name = "huge", directory = "huge" }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("not finite", problem.String("detail"), StringComparison.Ordinal);
        await service.Admin.GetAsync("/v1/admin/base-models/huge").Problem(HttpStatusCode.NotFound, "base-model-not-found");
    }

    Task<HttpResponseMessage> Register(object request) => service.Admin.PostJson("/v1/admin/base-models", request);

    static Checkpoint Tiny()
    {
        var random = new Random(5);
        var encoder = BertTensors.Shapes(TinyBundle.Config).ToDictionary(
            entry => entry.Key,
            entry => new Tensor(entry.Value, [.. Enumerable.Range(0, entry.Value.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextSingle() - .5f)]));
        return new(TinyBundle.Config, encoder, null, TinyBundle.Tokenizer);
    }
}
