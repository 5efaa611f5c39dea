using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Security;

namespace ScoringService.Api.Tests.ScoreBatches;

/// <summary>One running service for a class of tests, with a bundle, whose limits are small enough to be met.</summary>
public sealed class BatchServiceFixture : IAsyncLifetime, IDisposable
{
    public const int MaxResponses = 5000;

    public const int MaxBodyBytes = 4 * 1024 * 1024;

    readonly TemporaryDirectory directory = new();

    internal RunningService Service { get; private set; } = null!;

    /// <summary>Holds a key of another tenant.</summary>
    internal HttpClient Stranger { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Service = await RunningService.Start(directory.Path, configure: null,
            $"--ScoreBatches:MaxResponses={MaxResponses}", $"--ScoreBatches:MaxBodyBytes={MaxBodyBytes}",
            "--ScoreBatches:ChunkResponses=64", "--Security:ScoringRequestsPerSecond=1000000");
        Stranger = Service.Client(Service.Services.GetRequiredService<ApiKeys>().Create("college", [Scopes.Score]).Key);
        await Service.ActivateTinyBundle();
    }

    /// <summary>What the service keeps of batches.</summary>
    internal string[] Kept() => Directory.GetFileSystemEntries(Path.Combine(directory.Path, "score-batches"));

    public async Task DisposeAsync()
    {
        Stranger.Dispose();
        await Service.DisposeAsync();
    }

    public void Dispose() => directory.Dispose();
}

/// <summary>The words in which tests talk of batches.</summary>
static class Batches
{
    public const string Route = "/v1/score-batches";

    public const string Ndjson = "application/x-ndjson";

    public static Task ActivateTinyBundle(this RunningService service) => service.Activate(
        TinyBundle.Publish(service, seed: 3, TinyBundle.Scale("scale"), TinyBundle.Rubric("rubric")));

    public static async Task Activate(this RunningService service, string bundle) =>
        await service.Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json();

    /// <summary>Responses r0, r1, … in lines, to two items in turn.</summary>
    public static string Lines(int count) => string.Join('\n', Enumerable.Range(0, count).Select(Line));

    public static string Line(int i) => JsonSerializer.Serialize(new
    {
        responseId = $"r{i}",
        itemId = i % 2 == 0 ? "scale" : "rubric",
        text = string.Join(' ', Enumerable.Repeat("because it is sunny!", 1 + i % 3)),
    });

    public static Task<HttpResponseMessage> Post(HttpClient client, string body, string type, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, Route) { Content = Http.Text(body, type) };
        if (idempotencyKey is not null)
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        return client.SendAsync(request);
    }

    /// <summary>Starts a batch and returns its path.</summary>
    public static async Task<string> Start(this HttpClient client, string body, string type = Ndjson)
    {
        using var accepted = await Post(client, body, type);
        Assert.True(accepted.StatusCode == HttpStatusCode.Accepted, await accepted.Content.ReadAsStringAsync());
        return accepted.Headers.Location!.OriginalString;
    }

    /// <summary>Asks for a batch until it has ended.</summary>
    public static async Task<JsonElement> End(this HttpClient client, string batch)
    {
        while (true)
        {
            var shown = await client.GetAsync(batch).Json();
            if (shown.String("state") is not ("queued" or "running"))
                return shown;
        }
    }

    public static async Task<JsonElement> Succeed(this HttpClient client, string batch)
    {
        var ended = await client.End(batch);
        Assert.True(ended.String("state") == "succeeded", ended.GetRawText());
        return ended;
    }

    public static async Task<JsonElement[]> Results(this HttpClient client, string batch, long? after = null)
    {
        using var answer = await client.GetAsync($"{batch}/results{(after is null ? "" : $"?after={after}")}");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Ndjson, answer.Content.Headers.ContentType?.MediaType);
        var lines = await answer.Content.ReadAsStringAsync();
        Assert.True(lines.Length == 0 || lines.EndsWith('\n'), "the last line is not whole");
        return [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
    }

    /// <summary>Asks for results until there are some.</summary>
    public static async Task<JsonElement[]> SomeResults(this HttpClient client, string batch)
    {
        while (true)
        {
            if (await client.Results(batch) is { Length: > 0 } results)
                return results;
        }
    }
}
