using System.Net;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;

namespace ScoringService.Api.Tests;

/// <summary>The words in which tests talk to the service.</summary>
static class Http
{
    public static async Task<JsonElement> Json(this Task<HttpResponseMessage> sending, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using var response = await sending;
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(expected == response.StatusCode, $"{response.RequestMessage} answered {(int)response.StatusCode}: {body}");
        return JsonElement.Parse(body);
    }

    /// <summary>Asserts that the answer is a problem of that status and type and returns it.</summary>
    public static async Task<JsonElement> Problem(this Task<HttpResponseMessage> sending, HttpStatusCode status, string name)
    {
        using var response = await sending;
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"expected {(int)status}, got {(int)response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        var problem = JsonElement.Parse(body);
        Assert.Equal($"urn:scoring:problem:{name}", problem.GetProperty("type").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        foreach (var member in new[] { "title", "detail", "traceId" })
            Assert.False(string.IsNullOrEmpty(problem.GetProperty(member).GetString()), $"{member} is missing in {body}");
        return problem;
    }

    public static Task<HttpResponseMessage> PutJson(this HttpClient client, string path, object body) => client.PutAsJsonAsync(path, body);

    public static Task<HttpResponseMessage> PostJson(this HttpClient client, string path, object body, string? idempotencyKey = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        if (idempotencyKey is not null)
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        return client.SendAsync(request);
    }

    /// <summary>Starts a job that succeeds, and follows its events to the end.</summary>
    public static async Task<JsonElement> RunJob(this HttpClient client, string path, object recipe)
    {
        var job = await client.EndJob(path, recipe);
        Assert.True(job.String("state") == "succeeded", job.GetRawText());
        return job;
    }

    /// <summary>Starts a job and follows its events to the end, whatever that is.</summary>
    public static async Task<JsonElement> EndJob(this HttpClient client, string path, object recipe)
    {
        using var accepted = await client.PostJson(path, recipe);
        Assert.True(accepted.StatusCode == HttpStatusCode.Accepted, await accepted.Content.ReadAsStringAsync());
        using var stream = await client.GetStreamAsync($"{accepted.Headers.Location}/events");
        JsonElement job = default;
        await foreach (var item in SseParser.Create(stream).EnumerateAsync())
            job = JsonElement.Parse(item.Data);
        return job;
    }

    /// <summary>Gets an answer as a web page.</summary>
    public static async Task<string> Page(this HttpClient client, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Accept", "text/html" } } };
        using var page = await client.SendAsync(request);
        Assert.Equal("text/html", page.Content.Headers.ContentType?.MediaType);
        return await page.Content.ReadAsStringAsync();
    }

    public static StringContent Text(string content, string mediaType) => new(content, Encoding.UTF8, mediaType);

    public static string String(this JsonElement json, string member) => json.GetProperty(member).GetString()!;
}
