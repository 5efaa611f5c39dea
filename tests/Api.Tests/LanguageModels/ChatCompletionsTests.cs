using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.LanguageModels;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Planning;
using static ScoringService.Api.Tests.LanguageModels.ScriptedEndpoint;

namespace ScoringService.Api.Tests.LanguageModels;

/// <summary>A real HTTP server that misbehaves in every way, on a clock that does not make anybody wait.</summary>
public sealed class ChatCompletionsTests
{
    const string Key = "sk-very-secret-0123456789";

    static readonly TimeSpan Limit = TimeSpan.FromSeconds(77), TotalLimit = TimeSpan.FromSeconds(777);

    readonly PausesPass time = new(Limit, TotalLimit);

    [Fact]
    public async Task The_request_holds_the_model_the_schema_the_key_and_no_more_of_an_item_than_its_rubric()
    {
        await using var endpoint = await Start(Rates);

        var rated = await Rate(endpoint.Address);

        var (body, authorization) = Assert.Single(endpoint.Requests);
        Assert.Equal($"Bearer {Key}", authorization);
        Assert.Equal("o1", body.String("model"));
        var format = body.GetProperty("response_format");
        Assert.Equal("json_schema", format.String("type"));
        Assert.True(format.GetProperty("json_schema").GetProperty("strict").GetBoolean());
        Assert.Equal("object", format.GetProperty("json_schema").GetProperty("schema").String("type"));
        Assert.Equal(["model", "messages", "response_format"], body.EnumerateObject().Select(member => member.Name));
        Assert.Equal([.5, .25, .5], [rated.Similarity[0][1], rated.Similarity[0][2], rated.Similarity[1][2]]);
        Assert.Equal(new Uri(endpoint.Address).Authority, rated.Provenance.Host);
        Assert.Equal("o1", rated.Provenance.Model);
        var exchange = Assert.Single(rated.Provenance.Exchanges);
        Assert.Equal("o1-2024", exchange.AnsweredBy);
        Assert.Equal(body.GetProperty("messages")[0].String("content"), exchange.Instructions);
        Assert.Equal(body.GetProperty("messages")[1].String("content"), exchange.Question);
        Assert.DoesNotContain(Key, JsonSerializer.Serialize(rated), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_key_none_is_sent()
    {
        await using var endpoint = await Start(Rates);

        await Rate(endpoint.Address, options => options.ApiKey = null);

        Assert.Null(Assert.Single(endpoint.Requests).Authorization);
    }

    [Fact]
    public async Task Failures_that_may_pass_are_tried_again_after_growing_pauses()
    {
        await using var endpoint = await Start(
            Responds(HttpStatusCode.InternalServerError),
            Responds(HttpStatusCode.BadGateway),
            Responds(HttpStatusCode.RequestTimeout),
            BreaksOff,
            Rates);

        await Rate(endpoint.Address);

        Assert.Equal(5, endpoint.Requests.Count);
        Assert.Equal(4, time.Pauses.Count);
        Assert.All(time.Pauses, pause => Assert.InRange(pause, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(60)));
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("Thu, 01 Jan 1970 00:00:21 GMT", 21)]
    public async Task A_busy_endpoint_is_asked_again_when_it_says(string retryAfter, int seconds)
    {
        await using var endpoint = await Start(Responds(HttpStatusCode.TooManyRequests, retryAfter: retryAfter), Rates);

        await Rate(endpoint.Address);

        Assert.Equal(2, endpoint.Requests.Count);
        Assert.Equal([TimeSpan.FromSeconds(seconds)], time.Pauses);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_in_time_is_asked_for_again()
    {
        await using var endpoint = await Start(Hangs, Rates);

        var rating = Rate(endpoint.Address);
        await endpoint.Arrived.Task;
        time.Advance(Limit);
        await rating;

        Assert.Equal(2, endpoint.Requests.Count);
    }

    [Fact]
    public async Task An_endpoint_that_never_answers_fails_with_the_limit_that_ran_out()
    {
        await using var endpoint = await Start(Hangs);

        var rating = Rate(endpoint.Address, options => options.Retries = 0);
        await endpoint.Arrived.Task;
        time.Advance(Limit);

        Assert.Contains("within 77 s", (await Fails(rating)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5000")]
    [InlineData("2147483647")]
    [InlineData("Fri, 31 Dec 9999 23:59:59 GMT")]
    public async Task All_attempts_together_end_at_the_total_limit(string retryAfter)
    {
        await using var endpoint = await Start(Responds(HttpStatusCode.TooManyRequests, retryAfter: retryAfter));

        Assert.Contains("within 777 s", (await Fails(Rate(endpoint.Address))).Message, StringComparison.Ordinal);

        Assert.Single(endpoint.Requests);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, "LanguageModel:ApiKey")]
    [InlineData(HttpStatusCode.Forbidden, "LanguageModel:ApiKey")]
    [InlineData(HttpStatusCode.NotFound, "LanguageModel:Model")]
    [InlineData(HttpStatusCode.BadRequest, "structured output")]
    [InlineData(HttpStatusCode.TemporaryRedirect, "LanguageModel:Endpoint")]
    public async Task What_a_repetition_cannot_help_fails_at_once_and_says_what_to_check(HttpStatusCode status, string advice)
    {
        await using var endpoint = await Start(Responds(status, JsonSerializer.Serialize(new { error = $"Incorrect API key provided: {Key}" })));

        var failure = await Fails(Rate(endpoint.Address));

        Assert.Contains(((int)status).ToString(CultureInfo.InvariantCulture), failure.Message, StringComparison.Ordinal);
        Assert.Contains(advice, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Key, failure.ToString(), StringComparison.Ordinal);
        Assert.Single(endpoint.Requests);
        Assert.Empty(time.Pauses);
    }

    [Theory]
    [InlineData("<html>sign in</html>", "does not answer as a chat-completions endpoint")]
    [InlineData("""{"choices":[{"message":{"content":"{""", "does not answer as a chat-completions endpoint")]
    [InlineData("[]", "does not answer as a chat-completions endpoint")]
    [InlineData("null", "without a choice")]
    [InlineData("{}", "without a choice")]
    [InlineData("""{"choices":[]}""", "without a choice")]
    [InlineData("""{"choices":[null]}""", "without a choice")]
    [InlineData("""{"choices":[{}]}""", "without text")]
    [InlineData("""{"choices":[{"message":{"content":null}}]}""", "without text")]
    [InlineData("""{"choices":[{"message":{"content":null,"refusal":"I cannot."}}]}""", "refuses")]
    [InlineData("""{"choices":[{"message":{"content":"{"},"finish_reason":"length"}]}""", "ran out of tokens")]
    public async Task An_answer_that_is_no_chat_completion_is_refused(string body, string reason)
    {
        await using var endpoint = await Start(Responds(HttpStatusCode.OK, body));

        Assert.Contains(reason, (await Fails(Rate(endpoint.Address))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ratings_that_break_the_rules_are_asked_for_again_and_then_refused()
    {
        await using var endpoint = await Start(Says("""{"ratings":[]}"""));

        Assert.Contains("3 of 3 pairs are missing", (await Fails(Rate(endpoint.Address))).Message, StringComparison.Ordinal);

        Assert.Equal(3, endpoint.Requests.Count);
    }

    [Fact]
    public async Task An_answer_beyond_the_limit_is_not_read()
    {
        await using var endpoint = await Start(Says(new string('x', 5000)));

        var failure = await Fails(Rate(endpoint.Address, options => options.MaxAnswerBytes = 4096));

        Assert.Contains("LanguageModel:MaxAnswerBytes", failure.Message, StringComparison.Ordinal);
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task An_endpoint_that_is_not_there_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1";
        listener.Stop();

        var failure = await Fails(Rate(address, options => options.Retries = 1));

        Assert.Contains(new Uri(address).Authority, failure.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be reached", failure.Message, StringComparison.Ordinal);
        Assert.Single(time.Pauses);
    }

    [Fact]
    public async Task An_endpoint_that_keeps_failing_is_left_alone_for_a_while()
    {
        await using var endpoint = await Start([.. Enumerable.Repeat(Responds(HttpStatusCode.InternalServerError), 5), Rates]);
        using var chat = new ChatCompletions(Options.Create(Settings(endpoint.Address)), time);
        var rater = new SimilarityRater(chat.Model!);

        Assert.Contains("500", (await Fails(rater.Rate([.. Items], default))).Message, StringComparison.Ordinal);
        Assert.Contains("left alone for 60 s", (await Fails(rater.Rate([.. Items], default))).Message, StringComparison.Ordinal);
        Assert.Equal(5, endpoint.Requests.Count);

        time.Advance(TimeSpan.FromSeconds(61));
        await rater.Rate([.. Items], default);
        Assert.Equal(6, endpoint.Requests.Count);
    }

    [Fact]
    public async Task A_rating_that_is_cancelled_ends()
    {
        await using var endpoint = await Start(Hangs);
        using var stop = new CancellationTokenSource();

        var rating = Rate(endpoint.Address, stop: stop.Token);
        await endpoint.Arrived.Task;
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rating);
    }

    static IEnumerable<Item> Items => new[] { "a", "b", "c" }.Select(TinyBundle.Scale);

    static LanguageModelOptions Settings(string address) =>
        new() { Endpoint = new(address), Model = "o1", ApiKey = Key, Timeout = Limit, TotalTimeout = TotalLimit };

    async Task<RatedSimilarities> Rate(string address, Action<LanguageModelOptions>? configure = null, CancellationToken stop = default)
    {
        var settings = Settings(address);
        configure?.Invoke(settings);
        using var chat = new ChatCompletions(Options.Create(settings), time);
        return await new SimilarityRater(chat.Model!).Rate([.. Items], stop);
    }

    static Task<SimilarityRatingException> Fails(Task rating) => Assert.ThrowsAsync<SimilarityRatingException>(() => rating);
}
