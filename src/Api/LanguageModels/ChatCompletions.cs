using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;
using ScoringService.Merging.Planning;

namespace ScoringService.Api.LanguageModels;

/// <summary>
/// Asks the configured language model. What may pass by itself (no connection, no answer in time, 408, 429, 5xx) is tried again; an endpoint that
/// keeps failing is left alone for a while.
/// </summary>
sealed class ChatCompletions : IDisposable
{
    const int AttemptsBeforeBreak = 5;

    static readonly TimeSpan BreakSampling = TimeSpan.FromMinutes(15);

    // No total time limit is longer; and no timer can be set for the years that a Retry-After may ask for.
    static readonly TimeSpan LongestPause = TimeSpan.FromDays(1);

    static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(10);

    readonly LanguageModelOptions options;
    readonly TimeProvider time;
    readonly HttpClient client;
    readonly ResiliencePipeline<HttpResponseMessage> pipeline;

    public ChatCompletions(IOptions<LanguageModelOptions> options, TimeProvider time)
    {
        (this.options, this.time) = (options.Value, time);
        // A redirect would carry prompts to an address nobody configured.
        client = new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = ConnectionLifetime })
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = this.options.MaxAnswerBytes,
        };
        pipeline = Pipeline();
    }

    /// <summary>The language model; null where none is configured.</summary>
    public LanguageModel? Model => options.IsConfigured ? new(options.Endpoint!.Authority, options.Model!, Ask) : null;

    public void Dispose() => client.Dispose();

    async Task<LanguageModelAnswer> Ask(LanguageModelQuestion question, CancellationToken stop)
    {
        try
        {
            using var response = await pipeline.ExecuteAsync(async attempt => await Send(question, attempt), stop);
            return await Read(response, stop);
        }
        catch (TimeoutRejectedException e)
        {
            throw Failed($"did not answer within {Seconds(e.Timeout)} s. Try again later, "
                + "or raise LanguageModel:Timeout and LanguageModel:TotalTimeout.", e);
        }
        catch (BrokenCircuitException e)
        {
            throw Failed($"failed again and again and is left alone for {Seconds(options.BreakDuration)} s. Try again after that.", e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw Failed($"sent more than {options.MaxAnswerBytes} bytes (LanguageModel:MaxAnswerBytes), which no rating needs.", e);
        }
        catch (HttpRequestException e)
        {
            throw Failed($"cannot be reached or broke off ({e.HttpRequestError}). Check LanguageModel:Endpoint and the network.", e);
        }
    }

    async Task<HttpResponseMessage> Send(LanguageModelQuestion question, CancellationToken attempt)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{options.Endpoint!.AbsoluteUri.TrimEnd('/')}/chat/completions")
        {
            Content = JsonContent.Create(new ChatRequest(
                options.Model!,
                [new("system", question.Instructions), new("user", question.Text)],
                new("json_schema", new("answer", Strict: true, question.AnswerSchema)))),
        };
        if (options.ApiKey is { } key)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await client.SendAsync(request, attempt);
    }

    async Task<LanguageModelAnswer> Read(HttpResponseMessage response, CancellationToken stop)
    {
        if (response.StatusCode != HttpStatusCode.OK)
            throw Failed($"answers {(int)response.StatusCode}. {Advice(response.StatusCode)}");
        ChatResponse? chat;
        try
        {
            chat = await response.Content.ReadFromJsonAsync<ChatResponse>(JsonSerializerOptions.Default, stop);
        }
        catch (JsonException e)
        {
            throw Failed("does not answer as a chat-completions endpoint does. Check LanguageModel:Endpoint.", e);
        }

        return chat?.Choices switch
        {
            null or [] or [null, ..] => throw Failed("answers without a choice. Check LanguageModel:Endpoint and LanguageModel:Model."),
            [{ Message.Refusal.Length: > 0 }, ..] => throw Failed("refuses to answer. Set LanguageModel:Model to another model."),
            [{ FinishReason: "length" }, ..] =>
                throw Failed("ran out of tokens before its answer was complete. Set LanguageModel:Model to one that may answer at greater length."),
            [{ Message.Content: { } content }, ..] => new(chat.Model, content),
            _ => throw Failed("answers without text. Check LanguageModel:Model."),
        };
    }

    // The body is left out on purpose: some endpoints repeat parts of the key there.
    static string Advice(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "Check LanguageModel:ApiKey.",
        HttpStatusCode.NotFound => "Check LanguageModel:Endpoint and LanguageModel:Model.",
        HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity =>
            "Check that LanguageModel:Model knows structured output (response_format json_schema).",
        HttpStatusCode.TooManyRequests => "Its limit is reached; try again later.",
        >= HttpStatusCode.InternalServerError => "It has a fault of its own; try again later.",
        _ => "Check LanguageModel:Endpoint.",
    };

    static string Seconds(TimeSpan span) => span.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    SimilarityRatingException Failed(string what, Exception? inner = null) =>
        new($"The language model '{options.Model}' at {options.Endpoint!.Authority} {what}", inner);

    ResiliencePipeline<HttpResponseMessage> Pipeline()
    {
        var failed = new PredicateBuilder<HttpResponseMessage>()
            .Handle<HttpRequestException>(e => e.HttpRequestError != HttpRequestError.ConfigurationLimitExceeded)
            .Handle<TimeoutRejectedException>()
            .HandleResult(response => response.StatusCode is HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError)
            .Build();
        var builder = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time };
        builder.AddTimeout(options.TotalTimeout);
        if (options.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                // Being busy is no failure of the endpoint: it says itself when to come back.
                ShouldHandle = tried => ValueTask.FromResult(
                    tried.Outcome.Result?.StatusCode == HttpStatusCode.TooManyRequests || failed(tried.Outcome)),
                MaxRetryAttempts = options.Retries,
                Delay = options.RetryDelay,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                DelayGenerator = tried => ValueTask.FromResult(RetryAfter(tried.Outcome.Result)),
            });
        }

        return builder
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions<HttpResponseMessage>
            {
                ShouldHandle = tried => ValueTask.FromResult(failed(tried.Outcome)),
                FailureRatio = 0.9,
                MinimumThroughput = AttemptsBeforeBreak,
                SamplingDuration = BreakSampling,
                BreakDuration = options.BreakDuration,
            })
            .AddTimeout(options.Timeout)
            .Build();
    }

    TimeSpan? RetryAfter(HttpResponseMessage? response)
    {
        var asked = response?.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } when date > time.GetUtcNow() => date - time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        return asked > LongestPause ? LongestPause : asked;
    }
}
