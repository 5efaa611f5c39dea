using Microsoft.Extensions.Options;
using ScoringService.Api.Jobs;
using ScoringService.Api.Storage;

namespace ScoringService.Api.ScoreBatches;

/// <summary>Runs the queued batches, a few of different tenants side by side.</summary>
sealed partial class ScoreBatchWorker(
    ScoreBatchQueue queue, ScoreBatchRun run, DataDirectory data, IOptions<ScoreBatchOptions> options, TimeProvider time,
    ILogger<ScoreBatchWorker> log) : BackgroundService
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        RemoveUnknown(queue.Resume());
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var running = new List<Task>();
        try
        {
            while (true)
            {
                if (running.Count == options.Value.RunningBatches)
                    await Task.WhenAny(running);
                foreach (var ended in running.Where(batch => batch.IsCompleted).ToArray())
                {
                    running.Remove(ended);
                    await ended;
                }

                running.Add(Run(await queue.Claim(stoppingToken), stoppingToken));
            }
        }
        finally
        {
            await Task.WhenAll(running);
        }
    }

    async Task Run(ScoreBatchQueue.ClaimedBatch claim, CancellationToken serviceStops)
    {
        using (claim)
        {
            var batch = claim.Row;
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(claim.Cancelled, serviceStops);
            Started(log, batch.Id, batch.Tenant, batch.Total);
            try
            {
                await run.Run(batch, stop.Token);
                (batch.State, batch.FinishedAt) = (JobState.Succeeded, time.GetUtcNow());
            }
            catch (Exception) when (claim.Cancelled.IsCancellationRequested)
            {
                (batch.State, batch.FinishedAt) = (JobState.Cancelled, time.GetUtcNow());
            }
            catch (OperationCanceledException) when (serviceStops.IsCancellationRequested)
            {
                batch.State = JobState.Queued;
            }
            catch (Exception exception)
            {
                // One batch's failure is its own; the next one runs.
                Failed(log, exception, batch.Id);
                (batch.State, batch.FinishedAt, batch.Problem) = (JobState.Failed, time.GetUtcNow(), ScoreBatchRow.ProblemOf(exception));
            }

            if (await queue.SaveEnd(batch))
                ResponseFile.Delete(data.ScoreBatch(batch.Id));
            Ended(log, batch.Id, batch.State, batch.Scored, batch.Rejected);
        }
    }

    /// <summary>Removes what was received but never queued.</summary>
    void RemoveUnknown(HashSet<string> known)
    {
        if (!Directory.Exists(data.ScoreBatches))
            return;
        foreach (var directory in Directory.GetDirectories(data.ScoreBatches))
        {
            var id = Path.GetFileName(directory);
            if (Guid.TryParseExact(id, "N", out _) && !known.Contains(id))
                Directory.Delete(directory, recursive: true);
        }
    }

    [LoggerMessage(LogLevel.Information, "Score batch {Id} of tenant {Tenant} started: {Total} responses")]
    static partial void Started(ILogger log, string id, string tenant, int total);

    [LoggerMessage(LogLevel.Error, "Score batch {Id} failed")]
    static partial void Failed(ILogger log, Exception exception, string id);

    [LoggerMessage(LogLevel.Information, "Score batch {Id} {State}: {Scored} scored, {Rejected} rejected")]
    static partial void Ended(ILogger log, string id, JobState state, int scored, int rejected);
}
