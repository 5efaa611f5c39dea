using System.Text.Json;
using ScoringService.Merging;

namespace ScoringService.Api.Jobs;

/// <summary>Does the work of one kind of job; registered under that kind.</summary>
interface IJobHandler
{
    /// <summary>Runs a job to its end, on a thread of its own with low priority.</summary>
    /// <param name="job">The job.</param>
    /// <param name="progress">Where it stands.</param>
    /// <param name="stop">Asks it to give up.</param>
    /// <returns>The result that the job shows.</returns>
    /// <exception cref="OperationCanceledException">It was asked to give up and did.</exception>
    JsonElement Run(JobRun job, IProgress<StageProgress> progress, CancellationToken stop);
}

/// <summary>A job handed to its handler.</summary>
/// <param name="Id">Id of the job.</param>
/// <param name="CreatedAt">When it was asked for.</param>
/// <param name="Recipe">The request that made it.</param>
sealed record JobRun(string Id, DateTimeOffset CreatedAt, JsonElement Recipe);
