using System.Net;
using System.Text.Json;

namespace ScoringService.Api.Tests.ScoreBatches;

public sealed class ScoreBatchEndpointsTests(BatchServiceFixture fixture) : IClassFixture<BatchServiceFixture>
{
    HttpClient Scorer => fixture.Service.Scorer;

    [Fact]
    public async Task A_batch_of_json_ends_with_a_result_for_each_response_in_their_order()
    {
        var body = $$"""{"course":{"id":[7]},"responses":[{{string.Join(',', Enumerable.Range(0, 300).Select(Batches.Line))}}],"callbackUrl":null}""";
        using var accepted = await Batches.Post(Scorer, body, "application/json");
        var shown = JsonElement.Parse(await accepted.Content.ReadAsStringAsync());

        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        Assert.Equal($"/v1/score-batches/{shown.String("id")}", accepted.Headers.Location!.OriginalString);
        Assert.Equal(
            ["id", "state", "total", "scored", "rejected", "createdAt", "finishedAt"], shown.EnumerateObject().Select(member => member.Name));
        Assert.Equal("queued", shown.String("state"));

        var ended = await Scorer.Succeed(accepted.Headers.Location.OriginalString);
        Assert.Equal(300, ended.GetProperty("total").GetInt32());
        Assert.Equal(300, ended.GetProperty("scored").GetInt32());
        Assert.Equal(0, ended.GetProperty("rejected").GetInt32());
        Assert.True(ended.GetProperty("finishedAt").GetDateTimeOffset() >= ended.GetProperty("createdAt").GetDateTimeOffset());
        var results = await Scorer.Results(accepted.Headers.Location.OriginalString);
        Assert.Equal(Enumerable.Range(0, 300).Select(i => $"r{i}"), results.Select(result => result.String("responseId")));
    }

    [Fact]
    public async Task A_result_is_the_one_of_an_interactive_request()
    {
        var batch = await Scorer.Start(Batches.Lines(6));
        var interactive = await Scorer.PostAsync("/v1/scores",
            Http.Text($$"""{"responses":[{{string.Join(',', Enumerable.Range(0, 6).Select(Batches.Line))}}]}""", "application/json")).Json();
        await Scorer.Succeed(batch);

        foreach (var (one, other) in (await Scorer.Results(batch)).Zip(interactive.GetProperty("results").EnumerateArray()))
        {
            Assert.Equal(other.EnumerateObject().Select(member => member.Name), one.EnumerateObject().Select(member => member.Name));
            Assert.Equal(other.String("responseId"), one.String("responseId"));
            Assert.Equal(other.GetProperty("score").GetProperty("value").GetDouble(), one.GetProperty("score").GetProperty("value").GetDouble());
            Assert.Equal(other.GetProperty("confidence").GetDouble(), one.GetProperty("confidence").GetDouble(), 1e-5);
        }
    }

    [Theory]
    [InlineData(0, 2500)]
    [InlineData(1, 2499)]
    [InlineData(999, 1501)]
    [InlineData(1000, 1500)]
    [InlineData(2345, 155)]
    [InlineData(2500, 0)]
    [InlineData(long.MaxValue, 0)]
    public async Task Results_go_on_after_those_that_a_client_has(long after, int left)
    {
        var batch = await Scorer.Start(Batches.Lines(2500));
        await Scorer.Succeed(batch);

        var results = await Scorer.Results(batch, after);

        Assert.Equal(Enumerable.Range(2500 - left, left).Select(i => $"r{i}"), results.Select(result => result.String("responseId")));
    }

    [Fact]
    public async Task Results_that_are_there_can_be_had_while_the_batch_runs()
    {
        var batch = await Scorer.Start(Batches.Lines(BatchServiceFixture.MaxResponses));
        var results = new List<JsonElement>();
        string state;
        do
        {
            state = (await Scorer.GetAsync(batch).Json()).String("state");
            results.AddRange(await Scorer.Results(batch, results.Count));
        }
        while (state is "queued" or "running");

        Assert.Equal("succeeded", state);
        Assert.Equal(
            Enumerable.Range(0, BatchServiceFixture.MaxResponses).Select(i => $"r{i}"), results.Select(result => result.String("responseId")));
    }

    [Fact]
    public async Task A_response_to_an_unknown_item_is_rejected_alone()
    {
        var unknown = """{"responseId":"x","itemId":"nobody","text":"yes"}""";
        var batch = await Scorer.Start(string.Join('\n', Batches.Line(0), unknown, Batches.Line(1), unknown, "", "\r"));
        var ended = await Scorer.Succeed(batch);

        Assert.Equal((4, 2, 2), (Number(ended, "total"), Number(ended, "scored"), Number(ended, "rejected")));
        var results = await Scorer.Results(batch);
        Assert.Equal(["scored", "rejected", "scored", "rejected"], results.Select(result => result.String("status")));
        Assert.Equal("urn:scoring:problem:unknown-item", results[1].GetProperty("problem").String("type"));
    }

    [Fact]
    public async Task Text_comes_through_the_disk_as_it_was_written()
    {
        var id = "\"ü\\\n\u2028 \U0001F600 </script>";
        var batch = await Scorer.Start(JsonSerializer.Serialize(new { responseId = id, itemId = "scale", text = "because\nhe is\tgreedy!" }));
        await Scorer.Succeed(batch);

        var result = Assert.Single(await Scorer.Results(batch));
        Assert.Equal(id, result.String("responseId"));
        Assert.Equal(7, result.GetProperty("tokens").GetInt32());
    }

    [Fact]
    public async Task A_byte_order_mark_is_no_part_of_a_body()
    {
        foreach (var type in new[] { Batches.Ndjson, "application/json" })
        {
            var body = type == Batches.Ndjson ? Batches.Line(0) : $$"""{"responses":[{{Batches.Line(0)}}]}""";
            await Scorer.Succeed(await Scorer.Start("\uFEFF" + body, type));
        }
    }

    [Fact]
    public async Task Another_tenant_does_not_see_a_batch()
    {
        var batch = await Scorer.Start(Batches.Lines(2));

        await fixture.Stranger.GetAsync(batch).Problem(HttpStatusCode.NotFound, "score-batch-not-found");
        await fixture.Stranger.GetAsync($"{batch}/results").Problem(HttpStatusCode.NotFound, "score-batch-not-found");
        await fixture.Stranger.DeleteAsync(batch).Problem(HttpStatusCode.NotFound, "score-batch-not-found");
        await Scorer.Succeed(batch);
    }

    [Fact]
    public async Task Batches_need_the_scope_score()
    {
        await Batches.Post(fixture.Service.Admin, Batches.Line(0), Batches.Ndjson).Problem(HttpStatusCode.Forbidden, "missing-scope");
        await Batches.Post(fixture.Service.Anonymous, Batches.Line(0), Batches.Ndjson).Problem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task What_has_ended_stays_as_it_is_when_it_is_cancelled()
    {
        var batch = await Scorer.Start(Batches.Lines(3));
        var ended = await Scorer.Succeed(batch);

        using var cancelled = await Scorer.DeleteAsync(batch);

        Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        Assert.Equal(ended.GetRawText(), (await Scorer.GetAsync(batch).Json()).GetRawText());
        Assert.Equal(3, (await Scorer.Results(batch)).Length);
    }

    [Fact]
    public async Task Students_are_answered_while_batches_of_two_tenants_run()
    {
        var batch = await Scorer.Start(Batches.Lines(BatchServiceFixture.MaxResponses));
        var other = await fixture.Stranger.Start(Batches.Lines(BatchServiceFixture.MaxResponses));
        do
        {
            await Scorer.PostJson("/v1/items/scale/scores", new { responses = new[] { new { responseId = "r", text = "yes" } } }).Json();
        }
        while ((await Scorer.GetAsync(batch).Json()).String("state") is "queued" or "running");

        await Scorer.Succeed(batch);
        await fixture.Stranger.Succeed(other);
    }

    [Fact]
    public async Task What_students_wrote_is_not_kept_when_a_batch_has_ended()
    {
        var batch = await Scorer.Start(Batches.Lines(3));
        await Scorer.Succeed(batch);

        // The end is shown a moment before the responses are deleted; the next batch of the tenant begins after that.
        await Scorer.Succeed(await Scorer.Start(Batches.Lines(1)));

        Assert.Equal(
            ["results.index", "results.ndjson"],
            Directory.GetFiles(fixture.Kept().Single(path => batch.EndsWith(Path.GetFileName(path), StringComparison.Ordinal)))
                .Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("?after=-1", "invalid-request")]
    [InlineData("?after=x", "malformed-request")]
    public async Task A_place_that_is_none_is_refused(string query, string problem) =>
        await Scorer.GetAsync($"{await Scorer.Start(Batches.Lines(1))}/results{query}").Problem(HttpStatusCode.BadRequest, problem);

    [Fact]
    public async Task An_id_that_is_none_is_not_found()
    {
        await Scorer.GetAsync("/v1/score-batches/none").Problem(HttpStatusCode.NotFound, "score-batch-not-found");
        await Scorer.GetAsync("/v1/score-batches/..%2f..%2fetc/results").Problem(HttpStatusCode.NotFound, "score-batch-not-found");
    }

    static int Number(JsonElement batch, string member) => batch.GetProperty(member).GetInt32();
}
