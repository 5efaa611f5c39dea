using ScoringService.Merging;

namespace ScoringService.Api.Jobs;

/// <summary>Carries a running job's progress to its row, to those who listen and to the console.</summary>
sealed partial class JobReporter(JobRow job, JobQueue queue, JobFeed feed, TimeProvider time, ILogger log) : IProgress<StageProgress>
{
    // A training run reports every batch; people and disks need fewer lines.
    static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(1);

    long? savedAt;

    public void Report(StageProgress value)
    {
        var stageChanged = value.Stage != job.Stage;
        (job.Stage, job.Progress, job.Message) = (value.Stage, Math.Clamp(value.Fraction, job.Progress, 1), value.Message);
        if (stageChanged || savedAt is not { } last || time.GetElapsedTime(last) >= SaveInterval)
        {
            savedAt = time.GetTimestamp();
            queue.Save(job);
            Progressed(log, job.Kind, job.Progress, value.Stage, value.Message);
        }
        else
        {
            feed.Publish(JobView.Of(job));
        }
    }

    [LoggerMessage(LogLevel.Information, "{Kind} job {Progress:P0} · {Stage} · {Message}")]
    static partial void Progressed(ILogger log, string kind, double progress, string stage, string message);
}
