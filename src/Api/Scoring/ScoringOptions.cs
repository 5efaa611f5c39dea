using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.Scoring;

/// <summary>What one scoring request may hold; section <c>Scoring</c>.</summary>
sealed class ScoringOptions
{
    /// <summary>Responses in one request.</summary>
    /// <value>Default 256.</value>
    [Range(1, 10_000)]
    public int MaxResponses { get; set; } = 256;

    /// <summary>UTF-16 characters in one response.</summary>
    /// <value>Default 20,000.</value>
    [Range(1, 1_000_000)]
    public int MaxTextLength { get; set; } = 20_000;
}
