using System.Text.Json;
using System.Text.Json.Serialization;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.ScoreBatches;

/// <summary>A score batch as clients see it.</summary>
sealed record ScoreBatchView
{
    /// <summary>Id of the batch.</summary>
    /// <example>019a3c5e7d1b7c3e9f0a4b6c8d2e1f00</example>
    public required string Id { get; init; }

    /// <summary>Where it stands.</summary>
    public required JobState State { get; init; }

    /// <summary>Responses in all.</summary>
    /// <example>1000000</example>
    public required int Total { get; init; }

    /// <summary>Responses that have a score. Counts are about a second old while the batch runs; results are never behind them.</summary>
    /// <example>410112</example>
    public required int Scored { get; init; }

    /// <summary>Responses that could not be scored, each with a result that says why.</summary>
    /// <example>3</example>
    public required int Rejected { get; init; }

    /// <summary>When it was asked for.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>What went wrong, once failed (RFC 9457).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Problem { get; init; }

    public static ScoreBatchView Of(ScoreBatchRow row) => new()
    {
        Id = row.Id,
        State = row.State,
        Total = row.Total,
        Scored = row.Scored,
        Rejected = row.Rejected,
        CreatedAt = row.CreatedAt,
        FinishedAt = row.FinishedAt,
        Problem = row.Problem is null ? null : JsonElement.Parse(row.Problem),
    };
}
