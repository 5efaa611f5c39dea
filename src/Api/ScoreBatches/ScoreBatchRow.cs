using System.Text.Json;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.ScoreBatches;

/// <summary>A score batch as it is stored; its responses and results are files (<see cref="ResponseFile"/>, <see cref="ResultFile"/>).</summary>
sealed class ScoreBatchRow
{
    /// <summary>Order of arrival.</summary>
    public long Sequence { get; init; }

    public required string Id { get; init; }

    /// <summary>Whose batch it is; nobody else sees it.</summary>
    public required string Tenant { get; init; }

    public required JobState State { get; set; }

    /// <summary>Responses in all.</summary>
    public required int Total { get; init; }

    public int Scored { get; set; }

    public int Rejected { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; set; }

    /// <summary>The problem as JSON, once failed.</summary>
    public string? Problem { get; set; }

    public static string ProblemOf(Exception exception) => JsonSerializer.Serialize(
        new JobProblem("urn:scoring:problem:score-batch-failed", "The batch failed", exception.Message), JsonSerializerOptions.Web);
}
