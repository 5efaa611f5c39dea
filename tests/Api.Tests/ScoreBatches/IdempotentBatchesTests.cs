using System.Net;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Tests.ScoreBatches;

public sealed class IdempotentBatchesTests(BatchServiceFixture fixture) : IClassFixture<BatchServiceFixture>
{
    HttpClient Scorer => fixture.Service.Scorer;

    [Fact]
    public async Task A_replay_returns_the_first_answer_and_starts_nothing()
    {
        using var first = await Batches.Post(Scorer, Batches.Lines(1000), Batches.Ndjson, "replay");
        var batches = fixture.Kept().Length;
        using var second = await Batches.Post(Scorer, Batches.Lines(1000), Batches.Ndjson, "replay");

        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);
        Assert.Equal(first.StatusCode, second.StatusCode);
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Equal(await first.Content.ReadAsStringAsync(), await second.Content.ReadAsStringAsync());
        Assert.Equal(batches, fixture.Kept().Length);
    }

    [Fact]
    public async Task The_same_key_with_other_responses_is_refused()
    {
        using var first = await Batches.Post(Scorer, Batches.Lines(2), Batches.Ndjson, "other");
        Assert.Equal(HttpStatusCode.Accepted, first.StatusCode);

        await Batches.Post(Scorer, Batches.Lines(3), Batches.Ndjson, "other")
            .Problem(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
    }

    [Fact]
    public async Task While_the_first_batch_comes_in_a_repetition_is_409()
    {
        using var slow = new Held(Encoding.UTF8.GetBytes(Batches.Line(0)));
        using var request = new HttpRequestMessage(HttpMethod.Post, Batches.Route) { Content = slow, Headers = { { "Idempotency-Key", "slow" } } };
        var first = Scorer.SendAsync(request);
        while (!await IsClaimed("slow"))
        {
        }

        await Batches.Post(Scorer, Batches.Line(1), Batches.Ndjson, "slow").Problem(HttpStatusCode.Conflict, "request-in-progress");
        slow.Finish();

        using var accepted = await first;
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    [Fact]
    public async Task A_refused_batch_can_be_put_right_under_the_same_key()
    {
        await Batches.Post(Scorer, $"{new string('x', 500_000)}\n{Batches.Line(0)}", Batches.Ndjson, "again")
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        using var right = await Batches.Post(Scorer, Batches.Lines(1), Batches.Ndjson, "again");

        Assert.Equal(HttpStatusCode.Accepted, right.StatusCode);
    }

    async Task<bool> IsClaimed(string key)
    {
        await using var db = await fixture.Service.Services.GetRequiredService<IDbContextFactory<ScoringDb>>().CreateDbContextAsync();
        return await db.IdempotencyRecords.AnyAsync(record => record.Key == key);
    }

    /// <summary>A body whose end is held back.</summary>
    sealed class Held : HttpContent
    {
        readonly TaskCompletionSource finish = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly byte[] body;

        public Held(byte[] body)
        {
            this.body = body;
            Headers.ContentType = new(Batches.Ndjson);
        }

        public void Finish() => finish.SetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(body);
            await stream.FlushAsync();
            await finish.Task;
        }

        protected override bool TryComputeLength(out long length) => (length = 0) < 0;
    }
}
