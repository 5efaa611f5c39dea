using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Jobs;
using ScoringService.Api.Storage;

namespace ScoringService.Api.ScoreBatches;

/// <summary>The batches that wait, run or have ended. They live in the database; of each tenant one runs at a time.</summary>
sealed class ScoreBatchQueue(IDbContextFactory<ScoringDb> databases, TimeProvider time)
{
    readonly Channel<bool> changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly ConcurrentDictionary<string, ClaimedBatch> running = new();
    readonly Dictionary<string, long> turns = [];
    long turn;

    /// <summary>Puts a batch at the end of the queue.</summary>
    public async Task<ScoreBatchView> Enqueue(ScoreBatchRow batch, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        db.ScoreBatches.Add(batch);
        await db.SaveChangesAsync(stop);
        changes.Writer.TryWrite(true);
        return ScoreBatchView.Of(batch);
    }

    /// <summary>One batch of a tenant, or null.</summary>
    public async Task<ScoreBatchView?> Find(string tenant, string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var row = await db.ScoreBatches.AsNoTracking().SingleOrDefaultAsync(batch => batch.Id == id && batch.Tenant == tenant, stop);
        return row is null ? null : ScoreBatchView.Of(row);
    }

    /// <summary>Cancels a batch; one that has ended stays as it is.</summary>
    /// <returns>The batch, or null when there is none.</returns>
    public async Task<ScoreBatchView?> Cancel(string tenant, string id, CancellationToken stop)
    {
        var now = time.GetUtcNow();
        await using (var db = await databases.CreateDbContextAsync(stop))
        {
            await db.ScoreBatches
                .Where(batch => batch.Id == id && batch.Tenant == tenant && (batch.State == JobState.Queued || batch.State == JobState.Running))
                .ExecuteUpdateAsync(set => set
                    .SetProperty(batch => batch.State, JobState.Cancelled)
                    .SetProperty(batch => batch.FinishedAt, now), stop);
        }

        var found = await Find(tenant, id, stop);
        if (found is { State: JobState.Cancelled } && running.TryGetValue(id, out var claim))
            claim.Cancel();
        return found;
    }

    /// <summary>Waits for the next batch and marks it as running: of the tenants that wait, first the one whose last turn is longest ago.</summary>
    public async Task<ClaimedBatch> Claim(CancellationToken stop)
    {
        while (true)
        {
            await using var db = await databases.CreateDbContextAsync(stop);
            var busy = running.Values.Select(claim => claim.Row.Tenant).ToArray();
            var waiting = await db.ScoreBatches.AsNoTracking()
                .Where(batch => batch.State == JobState.Queued && !busy.Contains(batch.Tenant))
                .GroupBy(batch => batch.Tenant)
                .Select(batches => new { Tenant = batches.Key, Sequence = batches.Min(batch => batch.Sequence) })
                .ToListAsync(stop);
            if (waiting.Count == 0)
                await changes.Reader.ReadAsync(stop);
            else if (await TryClaim(db, waiting.MinBy(next => (turns.GetValueOrDefault(next.Tenant), next.Sequence))!.Sequence, stop) is { } claimed)
                return claimed;
        }
    }

    /// <summary>Writes how far a batch has come.</summary>
    /// <param name="batch">The batch, as it is now.</param>
    public async Task SaveCounts(ScoreBatchRow batch)
    {
        await using var db = await databases.CreateDbContextAsync();
        await db.ScoreBatches.Where(row => row.Sequence == batch.Sequence).ExecuteUpdateAsync(set => set
            .SetProperty(row => row.Scored, batch.Scored)
            .SetProperty(row => row.Rejected, batch.Rejected));
    }

    /// <summary>Writes a batch's end, or that it waits again; one that was cancelled meanwhile stays so.</summary>
    /// <param name="batch">The batch, as it is now.</param>
    /// <returns>Whether it has ended, in whatever way.</returns>
    public async Task<bool> SaveEnd(ScoreBatchRow batch)
    {
        await SaveCounts(batch);
        await using var db = await databases.CreateDbContextAsync();
        var saved = await db.ScoreBatches.Where(row => row.Sequence == batch.Sequence && row.State == JobState.Running).ExecuteUpdateAsync(set => set
            .SetProperty(row => row.State, batch.State)
            .SetProperty(row => row.FinishedAt, batch.FinishedAt)
            .SetProperty(row => row.Problem, batch.Problem));
        return saved == 0 || batch.State != JobState.Queued;
    }

    /// <summary>Lets the batches wait again that were running when an earlier run of the service stopped.</summary>
    /// <returns>The ids of all batches.</returns>
    public HashSet<string> Resume()
    {
        using var db = databases.CreateDbContext();
        db.ScoreBatches.Where(batch => batch.State == JobState.Running)
            .ExecuteUpdate(set => set.SetProperty(batch => batch.State, JobState.Queued));
        return [.. db.ScoreBatches.Select(batch => batch.Id)];
    }

    async Task<ClaimedBatch?> TryClaim(ScoringDb db, long sequence, CancellationToken stop)
    {
        var row = await db.ScoreBatches.AsNoTracking().SingleAsync(batch => batch.Sequence == sequence, stop);
        var claim = new ClaimedBatch(this, row);

        // Set first: whoever finds the batch running must also be able to stop it.
        running[row.Id] = claim;
        var claimed = await db.ScoreBatches
            .Where(batch => batch.Sequence == sequence && batch.State == JobState.Queued)
            .ExecuteUpdateAsync(set => set.SetProperty(batch => batch.State, JobState.Running), stop);
        if (claimed == 0)
        {
            claim.Dispose();
            return null;
        }

        turns[row.Tenant] = ++turn;
        return claim;
    }

    void Release(string id)
    {
        running.TryRemove(id, out _);
        changes.Writer.TryWrite(true);
    }

    /// <summary>A batch that this process runs, until it is disposed.</summary>
    public sealed class ClaimedBatch(ScoreBatchQueue queue, ScoreBatchRow row) : IDisposable
    {
        readonly CancellationTokenSource cancellation = new();
        readonly Lock gate = new();
        bool disposed;

        public ScoreBatchRow Row { get; } = row;

        /// <summary>Fires when somebody cancels the batch.</summary>
        public CancellationToken Cancelled => cancellation.Token;

        public void Cancel()
        {
            lock (gate)
            {
                if (!disposed)
                    cancellation.Cancel();
            }
        }

        public void Dispose()
        {
            queue.Release(Row.Id);
            lock (gate)
            {
                disposed = true;
                cancellation.Dispose();
            }
        }
    }
}
