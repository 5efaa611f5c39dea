using System.Net;

namespace ScoringService.Api.Tests.ScoreBatches;

/// <summary>Batches that wait, are cancelled, or meet the end of the service.</summary>
public sealed class UnfinishedBatchesTests : IDisposable
{
    const int Many = 20_000;

    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_batch_waits_for_a_bundle()
    {
        await using var service = await Start();
        var batch = await service.Scorer.Start(Batches.Lines(3));
        await Running(service, batch);
        Assert.Empty(await service.Scorer.Results(batch));

        await service.ActivateTinyBundle();

        await service.Scorer.Succeed(batch);
    }

    [Fact]
    public async Task A_batch_that_runs_and_one_that_waits_are_cancelled_and_cancelling_twice_is_no_fault()
    {
        await using var service = await Start();
        var running = await service.Scorer.Start(Batches.Lines(3));
        await Running(service, running);
        var waiting = await service.Scorer.Start(Batches.Lines(3));

        // Of one tenant one batch runs at a time.
        Assert.Equal("queued", (await service.Scorer.GetAsync(waiting).Json()).String("state"));
        foreach (var batch in new[] { waiting, running, running })
        {
            using var answer = await service.Scorer.DeleteAsync(batch);
            Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
            var shown = await service.Scorer.GetAsync(batch).Json();
            Assert.Equal("cancelled", shown.String("state"));
            Assert.NotNull(shown.String("finishedAt"));
        }

        await service.ActivateTinyBundle();
        await service.Scorer.Succeed(await service.Scorer.Start(Batches.Lines(1)));
        Assert.Equal("cancelled", (await service.Scorer.GetAsync(running).Json()).String("state"));
        foreach (var batch in new[] { running, waiting })
            Assert.False(File.Exists(Path.Combine(directory.Path, "score-batches", batch.Split('/')[^1], "responses.ndjson")));
    }

    [Fact]
    public async Task A_cancelled_batch_keeps_the_results_it_had()
    {
        await using var service = await Start("--ScoreBatches:ChunkResponses=1");
        await service.ActivateTinyBundle();
        var batch = await service.Scorer.Start(Batches.Lines(Many));
        var had = await service.Scorer.SomeResults(batch);

        using var answer = await service.Scorer.DeleteAsync(batch);
        await service.Scorer.Succeed(await service.Scorer.Start(Batches.Lines(1)));

        var kept = await service.Scorer.Results(batch);
        Assert.InRange(kept.Length, had.Length, Many - 1);
        Assert.Equal(Enumerable.Range(0, kept.Length).Select(i => $"r{i}"), kept.Select(result => result.String("responseId")));
        var shown = await service.Scorer.GetAsync(batch).Json();
        Assert.Equal("cancelled", shown.String("state"));
        Assert.Equal(kept.Length, shown.GetProperty("scored").GetInt32());
    }

    [Fact]
    public async Task After_a_restart_a_batch_goes_on_where_its_results_end()
    {
        string batch;
        await using (var service = await Start("--ScoreBatches:ChunkResponses=1"))
        {
            await service.ActivateTinyBundle();
            batch = await service.Scorer.Start(Batches.Lines(Many));
            await service.Scorer.SomeResults(batch);
        }

        var file = Path.Combine(directory.Path, "score-batches", batch.Split('/')[^1], "results.ndjson");
        var before = await File.ReadAllLinesAsync(file);
        Assert.InRange(before.Length, 1, Many - 1);
        await File.AppendAllTextAsync(file, """{"status":"scor""");

        await using var restarted = await Start();
        var ended = await restarted.Scorer.Succeed(batch);

        Assert.Equal(Many, ended.GetProperty("scored").GetInt32());
        var results = await restarted.Scorer.Results(batch);
        Assert.Equal(Enumerable.Range(0, Many).Select(i => $"r{i}"), results.Select(result => result.String("responseId")));
        Assert.Equal(before, results.Take(before.Length).Select(result => result.GetRawText()));
    }

    [Fact]
    public async Task A_bundle_may_be_replaced_in_the_middle_of_a_batch()
    {
        await using var service = await Start("--ScoreBatches:ChunkResponses=1");
        await service.ActivateTinyBundle();
        var batch = await service.Scorer.Start(Batches.Lines(Many));
        await service.Scorer.SomeResults(batch);

        var next = TinyBundle.Publish(service, seed: 4, TinyBundle.Scale("scale"));
        await service.Activate(next);

        var ended = await service.Scorer.Succeed(batch);
        Assert.Equal(Many, ended.GetProperty("scored").GetInt32() + ended.GetProperty("rejected").GetInt32());
        var last = (await service.Scorer.Results(batch, Many - 2))[0];
        Assert.Equal(next, last.String("bundle"));
        Assert.NotEqual(0, ended.GetProperty("rejected").GetInt32());
    }

    [Fact]
    public async Task A_batch_waits_while_the_queue_is_full()
    {
        // A queue for less than two chunks: of four in flight, most are turned away and come again.
        await using var service = await Start("--ScoreBatches:ChunkResponses=64", "--Scoring:Queue:WaitingTokens=1000");
        await service.ActivateTinyBundle();

        var batch = await service.Scorer.Start(Batches.Lines(2000));

        Assert.Equal(2000, (await service.Scorer.Succeed(batch)).GetProperty("scored").GetInt32());
        Assert.Equal(2000, (await service.Scorer.Results(batch)).Length);
    }

    [Fact]
    public async Task What_a_killed_service_received_but_never_queued_is_removed()
    {
        var lost = Path.Combine(directory.Path, "score-batches", Guid.CreateVersion7().ToString("N"));
        Directory.CreateDirectory(lost);

        await using var service = await Start();

        Assert.False(Directory.Exists(lost));
    }

    Task<RunningService> Start(params string[] settings) =>
        RunningService.Start(directory.Path, configure: null, [.. settings, "--Security:ScoringRequestsPerSecond=1000000"]);

    static async Task Running(RunningService service, string batch)
    {
        while ((await service.Scorer.GetAsync(batch).Json()).String("state") != "running")
        {
        }
    }
}
