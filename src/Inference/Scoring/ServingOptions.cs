using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Scoring;

/// <summary>How a bundle is served.</summary>
public sealed record ServingOptions
{
    /// <summary>Where and on how many threads encoders run.</summary>
    public RuntimeOptions Runtime { get; init; } = new();

    /// <summary>How responses become batches, and how many may wait.</summary>
    public QueueOptions Queue { get; init; } = new();

    /// <summary>When a person should look at a score.</summary>
    public ReviewOptions Review { get; init; } = new();
}
