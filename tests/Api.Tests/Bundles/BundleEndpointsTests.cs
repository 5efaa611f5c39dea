using System.Net;
using System.Security.Cryptography;

namespace ScoringService.Api.Tests.Bundles;

public sealed class BundleEndpointsTests : IAsyncLifetime, IDisposable
{
    readonly TemporaryDirectory directory = new();
    RunningService service = null!;

    public async Task InitializeAsync() => service = await RunningService.Start(directory.Path);

    public async Task DisposeAsync() => await service.DisposeAsync();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task Bundles_are_activated_rolled_back_and_come_back_after_a_restart()
    {
        var (first, second) = (TinyBundle.Publish(service, 1, TinyBundle.Scale("a")), TinyBundle.Publish(service, 2, TinyBundle.Scale("a")));
        await Post($"{first}/activate").Json();
        await service.Anonymous.GetAsync("/health/ready").Json();
        var active = await Post($"{second}/activate").Json();
        await Post($"{second}/activate").Json();
        Assert.Equal("active", active.String("state"));
        Assert.Equal(second, await ScoredBy());

        Assert.Equal(first, (await Post("rollback").Json()).String("id"));
        Assert.Equal(first, await ScoredBy());
        await Post("rollback").Problem(HttpStatusCode.Conflict, "no-earlier-bundle");
        Assert.Equal(["available", "active"], await States());

        await service.DisposeAsync();
        service = await RunningService.Start(directory.Path);
        Assert.Equal(["available", "active"], await States());
        var resumed = await Post($"{first}/activate").Json();
        Assert.Equal("active", resumed.String("state"));
        Assert.Equal(first, await ScoredBy());
    }

    [Fact]
    public async Task The_active_bundle_and_its_items_cannot_be_deleted()
    {
        await service.Admin.PutJson("/v1/admin/items/a", new { scoring = "multi-class", labels = new[] { "0", "1", "2" } })
            .Json(HttpStatusCode.Created);
        var (first, second) = (TinyBundle.Publish(service, 1, TinyBundle.Scale("a")), TinyBundle.Publish(service, 2, TinyBundle.Scale("b")));
        await Post($"{first}/activate").Json();

        await service.Admin.DeleteAsync($"/v1/admin/bundles/{first}").Problem(HttpStatusCode.Conflict, "bundle-active");
        await service.Admin.DeleteAsync("/v1/admin/items/a").Problem(HttpStatusCode.Conflict, "item-in-use");

        await Post($"{second}/activate").Json();
        using var item = await service.Admin.DeleteAsync("/v1/admin/items/a");
        using var bundle = await service.Admin.DeleteAsync($"/v1/admin/bundles/{first}");
        Assert.Equal(HttpStatusCode.NoContent, item.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, bundle.StatusCode);
        Assert.False(Directory.Exists(Path.Combine(directory.Path, "bundles", first)));
        await Post("rollback").Problem(HttpStatusCode.Conflict, "no-earlier-bundle");
    }

    [Fact]
    public async Task A_damaged_bundle_stays_out_of_service_and_the_present_one_stays_in()
    {
        var (good, bad) = (TinyBundle.Publish(service, 1, TinyBundle.Scale("a")), TinyBundle.Publish(service, 2, TinyBundle.Scale("a")));
        await Post($"{good}/activate").Json();
        var weights = Path.Combine(directory.Path, "bundles", bad, "encoders", "e0.safetensors");
        var bytes = await File.ReadAllBytesAsync(weights);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(weights, bytes);

        await Post($"{bad}/activate").Problem(HttpStatusCode.Conflict, "bundle-unusable");

        Assert.Equal(good, await ScoredBy());
    }

    [Fact]
    public async Task A_manifest_is_served_as_its_id_hashes_it()
    {
        var id = TinyBundle.Publish(service, 1, TinyBundle.Scale("a"));

        var manifest = await service.Admin.GetByteArrayAsync($"/v1/admin/bundles/{id}");

        Assert.Equal(id, Convert.ToHexStringLower(SHA256.HashData(manifest)));
        await service.Admin.GetAsync("/v1/admin/bundles/none").Problem(HttpStatusCode.NotFound, "bundle-not-found");
    }

    Task<HttpResponseMessage> Post(string path) => service.Admin.PostAsync($"/v1/admin/bundles/{path}", content: null);

    async Task<string[]> States() =>
        [.. (await service.Admin.GetAsync("/v1/admin/bundles").Json()).GetProperty("bundles").EnumerateArray()
            .Select(bundle => bundle.String("state"))];

    async Task<string> ScoredBy() =>
        (await service.Scorer.PostJson("/v1/items/a/scores", new { responses = new[] { new { responseId = "r", text = "yes" } } }).Json())
            .GetProperty("results")[0].String("bundle");
}
