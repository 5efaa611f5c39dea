namespace ScoringService.Api.Jobs;

/// <summary>Why a job failed, in the members of RFC 9457 that make sense outside a response.</summary>
sealed record JobProblem(string Type, string Title, string Detail)
{
    /// <summary>The service stopped in the middle of the job.</summary>
    public static JobProblem Interrupted { get; } = new(
        "urn:scoring:problem:job-interrupted", "The job was interrupted", "The service stopped while the job was running. Start it again.");

    /// <summary>The handler gave up; of several parts that failed side by side, the first is shown.</summary>
    public static JobProblem Of(Exception exception) => new(
        "urn:scoring:problem:job-failed", "The job failed", (exception as AggregateException)?.InnerExceptions[0].Message ?? exception.Message);
}
