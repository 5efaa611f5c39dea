using System.Collections.Immutable;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Storage;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>
/// Scores the responses of batches in chunks. A few chunks wait or run at a time, so that the encoders always find work; they are shared by
/// all running batches, chunk by chunk, and bound the memory. Results are written in the order of the responses.
/// </summary>
sealed class ScoreBatchRun(
    ActiveBundle active, DataDirectory data, ScoreBatchQueue queue, IOptions<ScoreBatchOptions> options, IOptions<JsonOptions> json,
    TimeProvider time) : IDisposable
{
    static readonly TimeSpan BetweenCounts = TimeSpan.FromSeconds(1);
    static readonly TimeSpan UntilABundleMayBeActive = TimeSpan.FromSeconds(1);
    static readonly TimeSpan UntilTheRateIsMeasured = TimeSpan.FromSeconds(1);
    static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(10);

    readonly SemaphoreSlim inFlight = new(options.Value.ChunksInFlight);

    /// <summary>Scores what has no result yet.</summary>
    /// <param name="batch">The batch; its counts follow the results.</param>
    /// <param name="stop">Ends the run; the results so far stay.</param>
    public async Task Run(ScoreBatchRow batch, CancellationToken stop)
    {
        using var results = new ResultFile.Writer(data.ScoreBatch(batch.Id), json.Value.SerializerOptions);
        Count(batch, results);

        using var ending = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var chunks = Channel.CreateUnbounded<Task<ImmutableArray<ResponseResult>>>(new() { SingleReader = true, SingleWriter = true });
        var reading = ReadAhead(batch, results.Count, chunks.Writer, ending.Token);
        try
        {
            await WriteInOrder(batch, results, chunks.Reader);
            await reading;
        }
        finally
        {
            await ending.CancelAsync();
            await LetGo(reading, chunks.Reader);
            Count(batch, results);
        }

        results.FlushToDisk();
    }

    public void Dispose() => inFlight.Dispose();

    /// <summary>Starts the scoring of chunk after chunk, as many ahead of the writing as may be in flight.</summary>
    async Task ReadAhead(ScoreBatchRow batch, long skip, ChannelWriter<Task<ImmutableArray<ResponseResult>>> chunks, CancellationToken stop)
    {
        // Reading and tokenizing go on while the caller writes.
        await Task.Yield();
        Exception? failure = null;
        try
        {
            var requester = new Requester(batch.Tenant, Urgency.Background);
            await foreach (var chunk in ResponseFile.Read(
                data.ScoreBatch(batch.Id), skip, options.Value.ChunkResponses, json.Value.SerializerOptions, stop))
            {
                await inFlight.WaitAsync(stop);
                await chunks.WriteAsync(Score(chunk, requester, stop), CancellationToken.None);
            }
        }
        catch (Exception exception)
        {
            failure = exception;
            throw;
        }
        finally
        {
            chunks.Complete(failure);
        }
    }

    async Task WriteInOrder(ScoreBatchRow batch, ResultFile.Writer results, ChannelReader<Task<ImmutableArray<ResponseResult>>> chunks)
    {
        var counted = time.GetTimestamp();
        await foreach (var chunk in chunks.ReadAllAsync(CancellationToken.None))
        {
            try
            {
                await results.Append(await chunk);
            }
            finally
            {
                inFlight.Release();
            }

            if (time.GetElapsedTime(counted) < BetweenCounts)
                continue;
            Count(batch, results);
            await queue.SaveCounts(batch);
            counted = time.GetTimestamp();
        }
    }

    /// <summary>Waits for what is still at work; by now its results are of no use, and why it failed is known.</summary>
    async Task LetGo(Task reading, ChannelReader<Task<ImmutableArray<ResponseResult>>> chunks)
    {
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        while (chunks.TryRead(out var chunk))
        {
            await ((Task)chunk).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            inFlight.Release();
        }
    }

    /// <summary>Scores a chunk on the bundle that is active; waits while there is none, or no room.</summary>
    async Task<ImmutableArray<ResponseResult>> Score(ResponseToScore[] chunk, Requester requester, CancellationToken stop)
    {
        while (true)
        {
            var (results, pause) = await TryScore(chunk, requester, stop);
            if (!results.IsDefault)
                return results;
            await Task.Delay(pause < ShortestPause ? ShortestPause : pause, time, stop);
        }
    }

    /// <returns>The results, or how long to wait for them. No lease outlives this: a bundle that is replaced must not wait for a pause.</returns>
    async Task<(ImmutableArray<ResponseResult> Results, TimeSpan Pause)> TryScore(
        ResponseToScore[] chunk, Requester requester, CancellationToken stop)
    {
        using var lease = active.Acquire();
        if (lease is null)
            return (default, UntilABundleMayBeActive);
        try
        {
            return ((await lease.Scorer.ScoreAsync(chunk, requester, stop)).Results, default);
        }
        catch (QueueFullException full)
        {
            return (default, full.RetryAfter ?? UntilTheRateIsMeasured);
        }
    }

    static void Count(ScoreBatchRow batch, ResultFile.Writer results) =>
        (batch.Scored, batch.Rejected) = ((int)(results.Count - results.Rejected), (int)results.Rejected);
}
