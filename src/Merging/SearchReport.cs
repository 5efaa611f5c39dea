using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Merging;

/// <summary>The methods that a merge with method <c>auto</c> tried. Validation alone decided; test was read for the one chosen.</summary>
/// <param name="Candidates">In the order in which they were tried.</param>
public sealed record SearchReport(ImmutableArray<SearchCandidate> Candidates)
{
    /// <summary>The one that the bundle was made by.</summary>
    [JsonIgnore] public SearchCandidate? Chosen => Candidates.FirstOrDefault(candidate => candidate.Chosen);
}

/// <summary>A method that was tried.</summary>
public sealed record SearchCandidate
{
    /// <summary>Its name for people, e.g. <c>ties, λ = 1</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The method as a recipe has it.</summary>
    public required JsonElement Method { get; init; }

    /// <summary>Mean over items of QWK on validation responses; null where an item has none, or the method was not finished.</summary>
    public required double? ValidationQwk { get; init; }

    /// <summary>Size of the weights of the encoders and heads it keeps, in bytes; 0 where it was not finished.</summary>
    public required long Bytes { get; init; }

    /// <summary>Whether every item holds the recipe's floor; null where there is none, or no item has a model of its own to compare with.</summary>
    public bool? HoldsFloor { get; init; }

    /// <summary>Time that it took, in seconds; null where it was not started, and in a bundle's manifest, which holds only what repeats.</summary>
    public required double? Seconds { get; init; }

    /// <summary>Why it was not finished: what failed, or that time was up; null where it was.</summary>
    public string? Reason { get; init; }

    /// <summary>Whether the bundle was made by it.</summary>
    public bool Chosen { get; init; }
}
