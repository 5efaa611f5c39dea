using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Api.Jobs;

/// <summary>Where a job stands.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<JobState>))]
enum JobState
{
    /// <summary>Waits for its turn.</summary>
    [JsonStringEnumMemberName("queued")] Queued,

    /// <summary>At work.</summary>
    [JsonStringEnumMemberName("running")] Running,

    /// <summary>Ended well; there is a result.</summary>
    [JsonStringEnumMemberName("succeeded")] Succeeded,

    /// <summary>Ended badly; there is a problem.</summary>
    [JsonStringEnumMemberName("failed")] Failed,

    /// <summary>Stopped on request.</summary>
    [JsonStringEnumMemberName("cancelled")] Cancelled,
}

/// <summary>A job as it is stored.</summary>
sealed class JobRow
{
    /// <summary>Order of arrival, in which jobs run.</summary>
    public long Sequence { get; init; }

    public required string Id { get; init; }

    /// <summary>Which handler runs it; see <see cref="JobKinds"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Who asked for it.</summary>
    public required string Tenant { get; init; }

    public required JobState State { get; set; }

    public string? Stage { get; set; }

    public double Progress { get; set; }

    public string? Message { get; set; }

    public int Attempt { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? StartedAt { get; set; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The request as JSON.</summary>
    public required string Recipe { get; init; }

    /// <summary>The outcome as JSON, once succeeded.</summary>
    public string? Result { get; set; }

    /// <summary>The problem as JSON, once failed.</summary>
    public string? Problem { get; set; }

    /// <summary>Ends the job badly.</summary>
    /// <param name="problem">What went wrong.</param>
    /// <param name="at">When it ended.</param>
    public void Fail(JobProblem problem, DateTimeOffset at) =>
        (State, FinishedAt, Problem) = (JobState.Failed, at, JsonSerializer.Serialize(problem, JsonSerializerOptions.Web));
}
