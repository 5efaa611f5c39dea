using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>A model's tensors, in memory or in a file, read part by part.</summary>
public interface ITensorStore
{
    /// <summary>Shape of every tensor by its name, in the order of the model.</summary>
    IReadOnlyDictionary<string, ImmutableArray<int>> Shapes { get; }

    /// <summary>A part of a tensor. Safe for several callers at once.</summary>
    /// <param name="name">One of the names in <see cref="Shapes"/>.</param>
    /// <param name="start">Position of the part's first value.</param>
    /// <param name="buffer">As long as the part; may be written to.</param>
    /// <returns>The values: in <paramref name="buffer"/>, or where they are anyway. Not checked: they may be NaN or infinite.</returns>
    ReadOnlySpan<float> Read(string name, int start, Span<float> buffer);
}
