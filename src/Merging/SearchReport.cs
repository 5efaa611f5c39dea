using System.Collections.Immutable;
using System.Text.Json;

namespace ScoringService.Merging;

/// <summary>The methods that a merge with method <c>auto</c> tried. Validation alone decided; test was read for the one chosen.</summary>
/// <param name="Candidates">In the order in which they were tried.</param>
public sealed record SearchReport(ImmutableArray<SearchCandidate> Candidates);

/// <summary>A method that was tried.</summary>
public sealed record SearchCandidate
{
    /// <summary>Its name for people, e.g. <c>ties, λ = 1</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The method as a recipe has it.</summary>
    public required JsonElement Method { get; init; }

    /// <summary>Mean over items of QWK on validation responses; null where an item has none.</summary>
    public required double? ValidationQwk { get; init; }

    /// <summary>Size of the encoders and heads it keeps, in bytes.</summary>
    public required long Bytes { get; init; }

    /// <summary>Whether every item holds the recipe's floor; null where the recipe has none.</summary>
    public bool? HoldsFloor { get; init; }

    /// <summary>Time that trying it took, in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Whether the bundle was made by it.</summary>
    public bool Chosen { get; init; }
}
