using System.Text.Json;

namespace ScoringService.Api.Jobs;

/// <summary>Runs the queued jobs, one after the other.</summary>
sealed partial class JobWorker(JobQueue queue, JobFeed feed, IServiceProvider services, TimeProvider time, ILogger<JobWorker> log) : BackgroundService
{
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        queue.FailInterrupted();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var claim = await queue.Claim(stoppingToken);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(claim.Cancelled, stoppingToken);
            await Run(claim.Row, stop.Token, stoppingToken);
        }
    }

    async Task Run(JobRow job, CancellationToken stop, CancellationToken serviceStops)
    {
        Started(log, job.Kind, job.Id);
        try
        {
            var handler = services.GetRequiredKeyedService<IJobHandler>(job.Kind);
            var reporter = new JobReporter(job, queue, feed, time, log);
            var run = new JobRun(job.Id, job.CreatedAt, JsonElement.Parse(job.Recipe));
            var result = await JobThread.Run(() => handler.Run(run, reporter, stop));
            (job.State, job.Progress, job.Result, job.FinishedAt) = (JobState.Succeeded, 1, result.GetRawText(), time.GetUtcNow());
        }
        catch (OperationCanceledException) when (serviceStops.IsCancellationRequested)
        {
            job.Fail(JobProblem.Interrupted, time.GetUtcNow());
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            (job.State, job.FinishedAt) = (JobState.Cancelled, time.GetUtcNow());
        }
        catch (Exception exception)
        {
            // One job's failure is its own; the next one runs.
            Failed(log, exception, job.Kind, job.Id);
            job.Fail(JobProblem.Of(exception), time.GetUtcNow());
        }

        queue.Save(job);
        Ended(log, job.Kind, job.Id, job.State);
    }

    [LoggerMessage(LogLevel.Information, "{Kind} job {Id} started")]
    static partial void Started(ILogger log, string kind, string id);

    [LoggerMessage(LogLevel.Error, "{Kind} job {Id} failed")]
    static partial void Failed(ILogger log, Exception exception, string kind, string id);

    [LoggerMessage(LogLevel.Information, "{Kind} job {Id} {State}")]
    static partial void Ended(ILogger log, string kind, string id, JobState state);
}
