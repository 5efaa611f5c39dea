using System.Collections.Immutable;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Bundles;

/// <summary>How an item's logits become probabilities and its probabilities decisions.</summary>
public sealed record Calibration
{
    /// <summary>Divides the logits before softmax or sigmoid. Positive; 1 leaves them as they are.</summary>
    public required float Temperature { get; init; }

    /// <summary>Multi-label items: for each label the probability from which on it counts as present, in 0..1. Multi-class items: empty.</summary>
    public required ImmutableArray<float> Thresholds { get; init; }

    /// <summary>No calibration: temperature 1, every threshold one half.</summary>
    public static Calibration None(Item item) => new()
    {
        Temperature = 1,
        Thresholds = item.Scoring == ScoringKind.MultiLabel ? [.. Enumerable.Repeat(.5f, item.Labels.Length)] : [],
    };
}
