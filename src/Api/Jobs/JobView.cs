using System.Text.Json;

namespace ScoringService.Api.Jobs;

/// <summary>A job as clients see it.</summary>
sealed record JobView
{
    /// <summary>Id of the job.</summary>
    /// <example>019a3c5e7d1b7c3e9f0a4b6c8d2e1f00</example>
    public required string Id { get; init; }

    /// <summary><c>training</c> or <c>merge</c>.</summary>
    /// <example>merge</example>
    public required string Kind { get; init; }

    /// <summary>Where it stands.</summary>
    public required JobState State { get; init; }

    /// <summary>What it is doing now.</summary>
    /// <example>alignment</example>
    public string? Stage { get; init; }

    /// <summary>How much is done, 0 to 1; never decreases.</summary>
    /// <example>0.42</example>
    public required double Progress { get; init; }

    /// <summary>One line for people.</summary>
    /// <example>SC_Puddle: epoch 2 of 4, loss 0.41, 38 s left</example>
    public string? Message { get; init; }

    /// <summary>How often it has been started.</summary>
    /// <example>1</example>
    public required int Attempt { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it was started.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>The request that made it, with every default filled in.</summary>
    public required JsonElement Recipe { get; init; }

    /// <summary>The outcome, once succeeded.</summary>
    public JsonElement? Result { get; init; }

    /// <summary>What went wrong, once failed (RFC 9457).</summary>
    public JsonElement? Problem { get; init; }

    /// <summary>Whether nothing more will happen.</summary>
    internal bool Ended => State is JobState.Succeeded or JobState.Failed or JobState.Cancelled;

    public static JobView Of(JobRow row) => new()
    {
        Id = row.Id,
        Kind = row.Kind,
        State = row.State,
        Stage = row.Stage,
        Progress = row.Progress,
        Message = row.Message,
        Attempt = row.Attempt,
        CreatedAt = row.CreatedAt,
        StartedAt = row.StartedAt,
        FinishedAt = row.FinishedAt,
        Recipe = Parse(row.Recipe)!.Value,
        Result = Parse(row.Result),
        Problem = Parse(row.Problem),
    };

    static JsonElement? Parse(string? json) => json is null ? null : JsonElement.Parse(json);
}

/// <summary>The jobs of one kind, newest first.</summary>
/// <param name="Jobs">At most 200 of them.</param>
sealed record JobList(IReadOnlyList<JobView> Jobs);
