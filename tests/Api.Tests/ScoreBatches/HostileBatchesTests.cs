using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace ScoringService.Api.Tests.ScoreBatches;

/// <summary>Whatever comes in, the answer is the documented problem, and nothing is left of it.</summary>
public sealed class HostileBatchesTests(BatchServiceFixture fixture) : IClassFixture<BatchServiceFixture>, IAsyncLifetime
{
    const string Json = "application/json";
    const string Good = """{"responseId":"r","itemId":"scale","text":"yes"}""";
    const string NoText = """{"responseId":"r","itemId":"scale"}""";

    public static TheoryData<string, string, string, string, string> Bodies => new()
    {
        // What it is, content type, body, JSON path, word of the message
        { "nothing", Json, "", "$", "" },
        { "no JSON", Json, "responses=1", "$", "" },
        { "null", Json, "null", "$", "object" },
        { "an array", Json, "[]", "$", "object" },
        { "no responses member", Json, "{}", "$.responses", "missing" },
        { "responses null", Json, """{"responses":null}""", "$.responses", "array" },
        { "responses twice", Json, $$"""{"responses":[{{Good}}],"responses":[]}""", "$.responses", "twice" },
        { "no response", Json, """{"responses":[]}""", "$.responses", "none" },
        { "a response null", Json, $$"""{"responses":[{{Good}},null]}""", "$.responses[1]", "" },
        { "no text", Json, $$"""{"responses":[{{Good}},{{NoText}}]}""", "$.responses[1]", "text" },
        { "a text null", Json, """{"responses":[{"responseId":"r","itemId":"i","text":null}]}""", "$.responses[0].text", "" },
        { "a number as text", Json, """{"responses":[{"responseId":"r","itemId":"i","text":1}]}""", "$.responses[0].text", "" },
        { "a text twice", Json, """{"responses":[{"responseId":"r","itemId":"i","text":"a","text":"b"}]}""", "$.responses[0].text", "" },
        { "an empty id", Json, """{"responses":[{"responseId":"","itemId":"i","text":"t"}]}""", "$.responses[0].responseId", "characters" },
        { "an empty item", Json, """{"responses":[{"responseId":"r","itemId":"","text":"t"}]}""", "$.responses[0].itemId", "item" },
        { "half of it", Json, $$"""{"responses":[{{Good}},{"responseId":"r",""", "$.responses[1]", "" },
        { "no end", Json, $$"""{"responses":[{{Good}}]""", "$", "" },
        { "something after the end", Json, $$"""{"responses":[{{Good}}]}{}""", "$", "" },
        { "a comma too many", Json, $$"""{"responses":[{{Good}},]}""", "$.responses[1]", "" },
        { "a lone surrogate", Json, """{"responses":[{"responseId":"r","itemId":"i","text":"\ud800"}]}""", "$.responses[0].text", "" },
        { "a callback", Json, $$"""{"callbackUrl":"https://example.org/","responses":[{{Good}}]}""", "$.callbackUrl", "not available" },
        { "a late callback", Json, $$"""{"responses":[{{Good}}],"callbackUrl":"https://example.org/"}""", "$.callbackUrl", "not available" },
        { "a callback of another kind", Json, $$"""{"responses":[{{Good}}],"callbackUrl":{"a":[1]} }""", "$.callbackUrl", "not available" },
        { "nothing", Batches.Ndjson, "\n \r\n", "$.responses", "none" },
        { "no JSON", Batches.Ndjson, $"{Good}\nyes\n{Good}", "$", "Line 2: " },
        { "null", Batches.Ndjson, $"{Good}\n\nnull", "$", "Line 3: " },
        { "half of a line", Batches.Ndjson, $"{Good}\n{Good[..20]}", "$", "Line 2: " },
        { "half of a line inside", Batches.Ndjson, $"{Good}\n{Good[..20]}\n{Good}", "$", "Line 2: " },
        { "two on a line", Batches.Ndjson, $"{Good}\n{Good}{Good}", "$", "Line 2: " },
        { "no text", Batches.Ndjson, $"{Good}\n{NoText}", "$", "Line 2: " },
        { "a number as text", Batches.Ndjson, """{"responseId":"r","itemId":"i","text":1}""", "$.text", "Line 1: " },
        { "an empty id", Batches.Ndjson, Good + "\n" + """{"responseId":"","itemId":"i","text":"t"}""", "$.responseId", "Line 2: " },
        { "JSON as lines", Batches.Ndjson, $$"""{"responses":[{{Good}}]}""", "$", "Line 1: " },
    };

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        Assert.Empty(fixture.Kept());
        Assert.False(Directory.EnumerateFileSystemEntries(fixture.Service.DataDirectory, ".staging-*", SearchOption.AllDirectories).Any());
    }

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_batch_is_refused_with_the_place(string what, string type, string body, string path, string word)
    {
        Assert.NotEmpty(what);
        var problem = await Batches.Post(fixture.Service.Scorer, body, type).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains(word, Messages(problem, path)[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_may_come_in_pieces_of_any_size(bool lines)
    {
        var random = new Random(11);
        var longText = new string('x', 20_000);
        var responses = Enumerable.Range(0, 40).Select(i =>
            JsonSerializer.Serialize(new { responseId = "\u00fc" + i, itemId = i == 39 ? "" : "scale", text = longText[..random.Next(20_000)] }));
        var body = lines ? string.Join('\n', responses) : $$"""{ "responses" : [ {{string.Join(" ,\n", responses)}} ] }""";
        var content = new InPieces(Encoding.UTF8.GetBytes(body), random);
        content.Headers.ContentType = new(lines ? Batches.Ndjson : Json);

        // The last response alone is wrong: all before it were read as they are.
        var problem = await fixture.Service.Scorer.PostAsync(Batches.Route, content).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Single(Messages(problem, lines ? "$.itemId" : "$.responses[39].itemId"));
        Assert.Single(problem.GetProperty("errors").EnumerateObject());
    }

    [Fact]
    public async Task The_first_twenty_bad_lines_are_named_together()
    {
        var body = string.Join('\n', Enumerable.Range(0, 100).Select(i => i % 2 == 0 ? Good : """{"responseId":"","itemId":"i","text":""}"""));

        var problem = await Batches.Post(fixture.Service.Scorer, body, Batches.Ndjson).Problem(HttpStatusCode.BadRequest, "invalid-request");

        var messages = Messages(problem, "$.responseId");
        Assert.Equal(20, messages.Length);
        Assert.StartsWith("Line 40: ", messages[^1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Batches.Ndjson)]
    public async Task Invalid_utf8_is_refused(string type)
    {
        byte[] line = [.. """{"responseId":"r","itemId":"i","text":"caf """u8, 0xC3, 0x28, .. "\"}"u8];
        byte[] body = type == Json ? [.. """{"responses":["""u8, .. line, .. "]}"u8] : line;
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new(type);

        await fixture.Service.Scorer.PostAsync(Batches.Route, content).Problem(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Batches.Ndjson)]
    public async Task A_text_that_is_too_long_is_refused(string type)
    {
        var response = JsonSerializer.Serialize(new { responseId = "r", itemId = "i", text = new string('x', 20_001) });
        var body = type == Json ? $$"""{"responses":[{{Good}},{{response}}]}""" : $"{Good}\n{response}";

        var problem = await Batches.Post(fixture.Service.Scorer, body, type).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("20001", Messages(problem, type == Json ? "$.responses[1].text" : "$.text")[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Batches.Ndjson)]
    public async Task A_response_without_end_is_refused_before_the_body_ends(string type)
    {
        var endless = $$"""{"responseId":"r","itemId":"i","text":"{{new string('x', 3_000_000)}}""";

        var problem = await Batches.Post(fixture.Service.Scorer, type == Json ? $$"""{"responses":[{{endless}}""" : endless, type)
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("longer than", Messages(problem, type == Json ? "$.responses[0]" : "$")[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Json)]
    [InlineData(Batches.Ndjson)]
    public async Task More_responses_than_allowed_are_refused(string type)
    {
        var responses = Enumerable.Repeat(Good, BatchServiceFixture.MaxResponses + 1);
        var body = type == Json ? $$"""{"responses":[{{string.Join(',', responses)}}]}""" : string.Join('\n', responses);

        var problem = await Batches.Post(fixture.Service.Scorer, body, type).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Contains("1 to 5000", Messages(problem, type == Json ? "$.responses[5000]" : "$")[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_beyond_the_limit_is_413(bool chunked)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(new string('\n', BatchServiceFixture.MaxBodyBytes + 1)));
        content.Headers.ContentType = new(Batches.Ndjson);
        using var request = new HttpRequestMessage(HttpMethod.Post, Batches.Route) { Content = content };
        request.Headers.TransferEncodingChunked = chunked;
        request.Headers.ExpectContinue = !chunked;

        await fixture.Service.Scorer.SendAsync(request).Problem(HttpStatusCode.RequestEntityTooLarge, "request-too-large");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-ndjson; charset=utf-16")]
    [InlineData(null)]
    public async Task Another_content_type_is_415(string? type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Good));
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);

        await fixture.Service.Scorer.PostAsync(Batches.Route, content)
            .Problem(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    static string[] Messages(JsonElement problem, string path)
    {
        Assert.True(problem.GetProperty("errors").TryGetProperty(path, out var messages), problem.GetRawText());
        return [.. messages.EnumerateArray().Select(message => message.GetString()!)];
    }

    /// <summary>A body that is sent in pieces of 1 to 5,000 bytes.</summary>
    sealed class InPieces(byte[] body, Random random) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var start = 0; start < body.Length;)
            {
                var length = Math.Min(random.Next(2) == 0 ? random.Next(1, 10) : random.Next(1, 5000), body.Length - start);
                await stream.WriteAsync(body.AsMemory(start, length));
                await stream.FlushAsync();
                start += length;
            }
        }

        protected override bool TryComputeLength(out long length) => (length = 0) < 0;
    }
}
