using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Jobs;

/// <summary>The jobs that wait, run or have ended. They live in the database; one of them runs at a time.</summary>
sealed class JobQueue(IDbContextFactory<ScoringDb> databases, JobFeed feed, IOptions<JsonOptions> json, TimeProvider time)
{
    const int ListLength = 200;

    readonly Channel<bool> arrivals = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    readonly Lock gate = new();
    ClaimedJob? running;

    /// <summary>Puts a job at the end of the queue.</summary>
    public async Task<JobView> Enqueue<TRecipe>(string kind, TRecipe recipe, string tenant, CancellationToken stop)
    {
        var now = time.GetUtcNow();
        var row = new JobRow
        {
            Id = Guid.CreateVersion7(now).ToString("N"),
            Kind = kind,
            Tenant = tenant,
            State = JobState.Queued,
            CreatedAt = now,
            Recipe = JsonSerializer.Serialize(recipe, json.Value.SerializerOptions),
        };
        await using var db = await databases.CreateDbContextAsync(stop);
        db.Jobs.Add(row);
        await db.SaveChangesAsync(stop);
        arrivals.Writer.TryWrite(true);
        return JobView.Of(row);
    }

    /// <summary>The newest jobs of a kind, newest first.</summary>
    public async Task<JobList> List(string kind, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var rows = await db.Jobs.AsNoTracking()
            .Where(job => job.Kind == kind)
            .OrderByDescending(job => job.Sequence)
            .Take(ListLength)
            .ToListAsync(stop);
        return new([.. rows.Select(JobView.Of)]);
    }

    /// <summary>One job, or null.</summary>
    public async Task<JobView?> Find(string kind, string id, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var row = await db.Jobs.AsNoTracking().SingleOrDefaultAsync(job => job.Id == id && job.Kind == kind, stop);
        return row is null ? null : JobView.Of(row);
    }

    /// <summary>Cancels a job: at once while it waits; while it runs, it is asked to give up and ends soon.</summary>
    /// <returns>The job, or null when there is none; one that has already ended stays as it is.</returns>
    public async Task<JobView?> Cancel(string kind, string id, CancellationToken stop)
    {
        var now = time.GetUtcNow();
        await using (var db = await databases.CreateDbContextAsync(stop))
        {
            await db.Jobs
                .Where(job => job.Id == id && job.Kind == kind && job.State == JobState.Queued)
                .ExecuteUpdateAsync(set => set
                    .SetProperty(job => job.State, JobState.Cancelled)
                    .SetProperty(job => job.FinishedAt, now), stop);
        }

        var found = await Find(kind, id, stop);
        if (found is { State: JobState.Cancelled })
            feed.Publish(found);
        else if (found is not null)
            StopRunning(id);
        return found;
    }

    /// <summary>Waits for the next job and marks it as running.</summary>
    public async Task<ClaimedJob> Claim(CancellationToken stop)
    {
        while (true)
        {
            await using var db = await databases.CreateDbContextAsync(stop);
            var next = await db.Jobs.Where(job => job.State == JobState.Queued).OrderBy(job => job.Sequence).FirstOrDefaultAsync(stop);
            if (next is null)
                await arrivals.Reader.ReadAsync(stop);
            else if (await TryClaim(db, next, stop) is { } claimed)
                return claimed;
        }
    }

    /// <summary>Writes a running job's progress or end, and tells those who listen.</summary>
    public void Save(JobRow job)
    {
        using (var db = databases.CreateDbContext())
        {
            db.Jobs.Update(job);
            db.SaveChanges();
        }

        feed.Publish(JobView.Of(job));
    }

    /// <summary>Ends the jobs that were running when an earlier run of the service stopped.</summary>
    public void FailInterrupted()
    {
        using var db = databases.CreateDbContext();
        foreach (var job in db.Jobs.Where(job => job.State == JobState.Running))
            job.Fail(JobProblem.Interrupted, time.GetUtcNow());
        db.SaveChanges();
    }

    async Task<ClaimedJob?> TryClaim(ScoringDb db, JobRow next, CancellationToken stop)
    {
        var now = time.GetUtcNow();
        var claim = new ClaimedJob(this, next);

        // Set first: whoever finds the job running must also be able to stop it.
        lock (gate)
            running = claim;
        var claimed = await db.Jobs
            .Where(job => job.Sequence == next.Sequence && job.State == JobState.Queued)
            .ExecuteUpdateAsync(set => set
                .SetProperty(job => job.State, JobState.Running)
                .SetProperty(job => job.StartedAt, now)
                .SetProperty(job => job.Attempt, job => job.Attempt + 1), stop);
        if (claimed == 0)
        {
            claim.Dispose();
            return null;
        }

        await db.Entry(next).ReloadAsync(stop);
        feed.Publish(JobView.Of(next));
        return claim;
    }

    void StopRunning(string id)
    {
        lock (gate)
        {
            if (running?.Row.Id == id)
                running.Cancel();
        }
    }

    void Release()
    {
        lock (gate)
            running = null;
    }

    /// <summary>A job that this process runs, until it is disposed.</summary>
    public sealed class ClaimedJob(JobQueue queue, JobRow row) : IDisposable
    {
        readonly CancellationTokenSource cancellation = new();

        public JobRow Row { get; } = row;

        /// <summary>Fires when somebody cancels the job.</summary>
        public CancellationToken Cancelled => cancellation.Token;

        public void Cancel() => cancellation.Cancel();

        public void Dispose()
        {
            queue.Release();
            cancellation.Dispose();
        }
    }
}
