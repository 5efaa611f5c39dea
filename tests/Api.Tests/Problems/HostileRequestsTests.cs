using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using ScoringService.Api.Http;

namespace ScoringService.Api.Tests.Problems;

/// <summary>Whatever comes in, the answer is the documented problem, and the service goes on.</summary>
public sealed class HostileRequestsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>, IAsyncLifetime
{
    const string Item = "hostile";
    const string Score = $"/v1/items/{Item}/scores";
    const string Define = "/v1/admin/items/anything";
    const string Train = "/v1/admin/training-jobs";
    const string Merge = "/v1/admin/merge-jobs";
    const string Good = """{"responses":[{"responseId":"r","text":"because it is sunny!"}]}""";

    public static TheoryData<string, string, string, string, int, string> Bodies => new()
    {
        // What it is, method, path, body, status, problem
        { "nothing", "POST", Score, "", 400, "malformed-request" },
        { "no JSON", "POST", Score, "responses=1", 400, "invalid-request" },
        { "half of it", "POST", Score, """{"responses":[{"responseId":"r",""", 400, "invalid-request" },
        { "null", "POST", Score, "null", 400, "malformed-request" },
        { "an array", "POST", Score, "[]", 400, "invalid-request" },
        { "no responses member", "POST", Score, "{}", 400, "invalid-request" },
        { "responses null", "POST", Score, """{"responses":null}""", 400, "invalid-request" },
        { "a response null", "POST", Score, """{"responses":[null]}""", 400, "invalid-request" },
        { "no response", "POST", Score, """{"responses":[]}""", 400, "invalid-request" },
        { "a text null", "POST", Score, """{"responses":[{"responseId":"r","text":null}]}""", 400, "invalid-request" },
        { "no text", "POST", Score, """{"responses":[{"responseId":"r"}]}""", 400, "invalid-request" },
        { "a number as text", "POST", Score, """{"responses":[{"responseId":"r","text":1}]}""", 400, "invalid-request" },
        { "a number as id", "POST", Score, """{"responses":[{"responseId":1,"text":"t"}]}""", 400, "invalid-request" },
        { "an empty id", "POST", Score, """{"responses":[{"responseId":"","text":"t"}]}""", 400, "invalid-request" },
        { "an id twice", "POST", Score, """{"responses":[{"responseId":"r","text":"a"},{"responseId":"r","text":"b"}]}""", 400, "invalid-request" },
        { "a member twice", "POST", Score, """{"responses":[],"responses":[{"responseId":"r","text":"t"}]}""", 400, "invalid-request" },
        { "a high surrogate alone", "POST", Score, """{"responses":[{"responseId":"r","text":"\ud800"}]}""", 400, "invalid-request" },
        { "a low surrogate alone", "POST", Score, """{"responses":[{"responseId":"r","text":"a\udc00b"}]}""", 400, "invalid-request" },
        { "NaN", "POST", Score, """{"responses":NaN}""", 400, "invalid-request" },
        { "an unknown item", "POST", "/v1/items/nobody/scores", Good, 404, "item-not-found" },
        { "an unknown route", "POST", "/v1/everything", Good, 404, "route-not-found" },
        { "another method", "PATCH", Score, Good, 405, "method-not-allowed" },
        { "an item of no kind", "PUT", Define, """{"scoring":"guess","labels":["a","b"]}""", 400, "invalid-request" },
        { "a kind by number", "PUT", Define, """{"scoring":0,"labels":["a","b"]}""", 400, "invalid-request" },
        { "an unknown member", "PUT", Define, """{"scoring":"multi-class","labels":["a","b"],"lables":[]}""", 400, "invalid-request" },
        { "a label null", "PUT", Define, """{"scoring":"multi-class","labels":["a",null]}""", 400, "invalid-request" },
        { "points beyond numbers", "PUT", Define, """{"scoring":"multi-class","labels":["a","b"],"points":[0,1e999]}""", 400, "invalid-request" },
        { "points as text", "PUT", Define, """{"scoring":"multi-class","labels":["a","b"],"points":["0","1"]}""", 400, "invalid-request" },
        { "epochs out of range", "POST", Train, $$"""{"itemIds":["{{Item}}"],"epochs":1000000}""", 400, "invalid-request" },
        { "epochs beyond integers", "POST", Train, """{"itemIds":["a"],"epochs":99999999999999}""", 400, "invalid-request" },
        { "an unknown item to train", "POST", Train, """{"itemIds":["nobody"]}""", 400, "invalid-request" },
        { "an item null to train", "POST", Train, """{"itemIds":[null]}""", 400, "invalid-request" },
        { "a base model outside", "POST", Train, """{"itemIds":["nobody"],"baseModel":"../../etc"}""", 400, "invalid-request" },
        { "an unknown method", "POST", Merge, """{"method":{"name":"magic"}}""", 400, "invalid-request" },
        { "an unknown parameter", "POST", Merge, """{"method":{"name":"ties","densty":0.2}}""", 400, "invalid-request" },
        { "a method null", "POST", Merge, """{"method":null}""", 400, "invalid-request" },
        { "no method name", "POST", Merge, """{"method":{}}""", 400, "invalid-request" },
        { "an unknown strategy", "POST", Merge, """{"grouping":{"strategy":"astrology"}}""", 400, "invalid-request" },
        { "groups of no kind", "POST", Merge, """{"grouping":{"strategy":"manual","groups":{"a":1}}}""", 400, "invalid-request" },
        { "an item null to merge", "POST", Merge, """{"itemIds":[null]}""", 400, "invalid-request" },
        { "items null to merge", "POST", Merge, """{"itemIds":null}""", 400, "invalid-request" },
        { "a slip deep in a recipe", "POST", Merge, """{"grouping":{"features":{"layr":1}}}""", 400, "invalid-request" },
        { "an unknown bundle", "POST", "/v1/admin/bundles/..%2f..%2fetc/activate", "", 404, "bundle-not-found" },
        { "nothing to roll back to", "POST", "/v1/admin/bundles/rollback", "", 409, "no-earlier-bundle" },
        { "an item outside", "GET", "/v1/admin/items/..%2f..%2fetc", "", 404, "item-not-found" },
        { "a split that is none", "PUT", "/v1/admin/items/nobody/responses?split=7", "id,text,score", 400, "invalid-request" },
        { "an unknown item's responses", "PUT", "/v1/admin/items/nobody/responses?split=train", "id,text,score", 404, "item-not-found" },
        { "an unknown job", "GET", "/v1/admin/merge-jobs/nothing", "", 404, "job-not-found" },
        { "a report of no job", "GET", "/v1/admin/merge-jobs/none/report", "", 404, "job-not-found" },
        { "a model for no item", "POST", "/v1/admin/item-models/nobody", "{}", 404, "item-not-found" },
    };

    public async Task InitializeAsync()
    {
        var bundle = TinyBundle.Publish(fixture.Service, seed: 1, TinyBundle.Scale(Item));
        await fixture.Service.Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json();
    }

    public async Task DisposeAsync() =>
        Assert.Equal(1, (await Send(HttpMethod.Post, Score, Good).Json()).GetProperty("results").GetArrayLength());

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_bad_request_gets_its_problem(string what, string method, string path, string body, int status, string problem)
    {
        Assert.NotEmpty(what);
        await Send(new HttpMethod(method), path, body, body.StartsWith("id,", StringComparison.Ordinal) ? "text/csv" : "application/json")
            .Problem((HttpStatusCode)status, problem);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/xml")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/json; charset=no-such-charset")]
    [InlineData(null)]
    public async Task Another_content_type_is_415(string? type)
    {
        var content = new ByteArrayContent(Encoding.UTF8.GetBytes(Good));
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);

        await fixture.Service.Scorer.PostAsync(Score, content).Problem(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    [Fact]
    public async Task Invalid_utf8_is_400()
    {
        byte[] body = [.. """{"responses":[{"responseId":"r","text":"caf """u8, 0xC3, 0x28, .. "\"}]}"u8];

        await Send(HttpMethod.Post, Score, body).Problem(HttpStatusCode.BadRequest, "invalid-request");
    }

    [Fact]
    public async Task More_responses_than_allowed_are_400()
    {
        var responses = string.Join(',', Enumerable.Range(0, 100_000).Select(i => $$"""{"responseId":"{{i}}","text":""}"""));

        var problem = await Send(HttpMethod.Post, Score, $$"""{"responses":[{{responses}}]}""").Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty("$.responses", out _));
    }

    [Fact]
    public async Task A_text_that_is_too_long_is_named_by_its_place()
    {
        var body = $$"""{"responses":[{"responseId":"a","text":""},{"responseId":"b","text":"{{new string('x', 20_001)}}"}]}""";

        var problem = await Send(HttpMethod.Post, Score, body).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.True(problem.GetProperty("errors").TryGetProperty("$.responses[1].text", out _));
    }

    [Fact]
    public async Task Json_too_deep_is_400() =>
        await Send(HttpMethod.Post, Score, string.Concat(Enumerable.Repeat("""{"responses":[""", 5000)))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

    [Fact]
    public async Task Twenty_megabytes_are_413()
    {
        var content = new ByteArrayContent(new byte[20_000_000]);
        content.Headers.ContentType = new("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, Score) { Content = content };

        // Waiting for the go-ahead lets the client hear the answer instead of sending into a closed connection.
        request.Headers.ExpectContinue = true;
        await fixture.Service.Scorer.SendAsync(request).Problem(HttpStatusCode.RequestEntityTooLarge, "request-too-large");
    }

    [Fact]
    public async Task A_body_of_unsaid_length_is_413_once_it_is_too_large()
    {
        // One byte more than is allowed, all of which the service has to read before it can know: nothing is sent into a closed connection.
        var length = LimitSetup.MaxRequestBody + 1;
        using var socket = new TcpClient();
        await socket.ConnectAsync(fixture.Service.Address.Host, fixture.Service.Address.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST {Score} HTTP/1.1\r\nHost: a\r\nAuthorization: {fixture.Service.Scorer.DefaultRequestHeaders.Authorization}\r\n"
            + $"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n"));
        var text = new byte[length];
        text.AsSpan().Fill((byte)'x');
        "{\"responses\":[{\"responseId\":\"r\",\"text\":\""u8.CopyTo(text);
        await stream.WriteAsync(text);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var answer = await reader.ReadToEndAsync();

        Assert.StartsWith("HTTP/1.1 413", answer);
        Assert.Contains("urn:scoring:problem:request-too-large", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_without_key_or_scope_are_refused_before_their_body_is_read()
    {
        await fixture.Service.Anonymous.PostAsync(Score, Http.Text("{", "application/json")).Problem(HttpStatusCode.Unauthorized, "unauthenticated");
        await fixture.Service.Admin.PostAsync(Score, Http.Text("{", "application/json")).Problem(HttpStatusCode.Forbidden, "missing-scope");
        await fixture.Service.Scorer.PostAsync(Merge, Http.Text("{", "application/json")).Problem(HttpStatusCode.Forbidden, "missing-scope");
        using var nonsense = fixture.Service.Client(new string('k', 4000));
        await nonsense.PostAsync(Score, Http.Text(Good, "application/json")).Problem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("GET /v1/items HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("GET /v1/items HTTP/1.1\r\n\r\n")]
    public async Task What_is_not_http_is_answered_with_4xx(string bytes)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(fixture.Service.Address.Host, fixture.Service.Address.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(bytes));
        using var reader = new StreamReader(stream, Encoding.ASCII);

        Assert.StartsWith("HTTP/1.1 4", await reader.ReadLineAsync());
    }

    Task<HttpResponseMessage> Send(HttpMethod method, string path, string body, string type = "application/json") =>
        Send(method, path, Encoding.UTF8.GetBytes(body), type);

    Task<HttpResponseMessage> Send(HttpMethod method, string path, byte[] body, string type = "application/json")
    {
        var request = new HttpRequestMessage(method, path);
        if (method != HttpMethod.Get)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new(type);
        }

        return (path.StartsWith("/v1/admin", StringComparison.Ordinal) ? fixture.Service.Admin : fixture.Service.Scorer).SendAsync(request);
    }
}
