using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace ScoringService.Api.Tests.LanguageModels;

/// <summary>
/// A chat-completions endpoint on the loopback interface that does what the test says, one behaviour a request; the last one stays.
/// </summary>
sealed class ScriptedEndpoint : IAsyncDisposable
{
    readonly WebApplication app;
    readonly ConcurrentQueue<Func<HttpContext, JsonElement, Task>> behaviours;

    ScriptedEndpoint(WebApplication app, params Func<HttpContext, JsonElement, Task>[] script) => (this.app, behaviours) = (app, new(script));

    /// <summary>Base address of the API.</summary>
    public string Address => app.Urls.Single() + "/v1";

    /// <summary>The requests so far: body and authorization.</summary>
    public ConcurrentQueue<(JsonElement Body, string? Authorization)> Requests { get; } = [];

    /// <summary>Done when the first request has arrived.</summary>
    public TaskCompletionSource Arrived { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static async Task<ScriptedEndpoint> Start(params Func<HttpContext, JsonElement, Task>[] script)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var endpoint = new ScriptedEndpoint(builder.Build(), script);
        endpoint.app.MapPost("/v1/chat/completions", endpoint.Answer);
        await endpoint.app.StartAsync();
        return endpoint;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    async Task Answer(HttpContext context)
    {
        var body = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.Body);
        Requests.Enqueue((body, context.Request.Headers.Authorization));
        Arrived.TrySetResult();
        if (behaviours.Count == 1 || !behaviours.TryDequeue(out var behaviour))
            _ = behaviours.TryPeek(out behaviour);
        await behaviour!(context, body);
    }

    /// <summary>Rates every pair that is asked for: .5 for neighbours, .25 for others.</summary>
    public static Task Rates(HttpContext context, JsonElement request)
    {
        var asked = JsonElement.Parse(request.GetProperty("messages")[1].String("content")).GetProperty("pairs");
        var ratings = asked.EnumerateArray().Select(pair => (A: pair[0].GetInt32(), B: pair[1].GetInt32()))
            .Select(pair => new { a = pair.A, b = pair.B, similarity = pair.B - pair.A == 1 ? .5 : .25 });
        return Write(context, JsonSerializer.Serialize(new { ratings }));
    }

    /// <summary>Answers with a text of the model.</summary>
    public static Func<HttpContext, JsonElement, Task> Says(string text) => (context, _) => Write(context, text);

    /// <summary>Answers with a status and a body.</summary>
    public static Func<HttpContext, JsonElement, Task> Responds(HttpStatusCode status, string body = "{}", string? retryAfter = null) =>
        (context, _) =>
        {
            context.Response.StatusCode = (int)status;
            context.Response.ContentType = "application/json";
            if (retryAfter is not null)
                context.Response.Headers.RetryAfter = retryAfter;
            return context.Response.WriteAsync(body);
        };

    /// <summary>Never answers.</summary>
    public static async Task Hangs(HttpContext context, JsonElement request)
    {
        var gone = new TaskCompletionSource();
        using (context.RequestAborted.Register(gone.SetResult))
            await gone.Task;
    }

    /// <summary>Promises more than it sends and hangs up.</summary>
    public static async Task BreaksOff(HttpContext context, JsonElement request)
    {
        context.Response.ContentLength = 1000;
        await context.Response.WriteAsync("{\"choices\":[");
        await context.Response.Body.FlushAsync();
        context.Abort();
    }

    static Task Write(HttpContext context, string content) => context.Response.WriteAsJsonAsync(
        new { model = "o1-2024", choices = new[] { new { message = new { role = "assistant", content }, finish_reason = "stop" } } });
}
