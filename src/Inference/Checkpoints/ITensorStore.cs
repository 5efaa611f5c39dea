using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>A model's tensors, in memory or in a file, opened one at a time.</summary>
public interface ITensorStore
{
    /// <summary>Shape of every tensor by its name, in the order of the model.</summary>
    IReadOnlyDictionary<string, ImmutableArray<int>> Shapes { get; }

    /// <summary>Opens a tensor; dispose the view as soon as its values are no longer needed. Safe for several callers at once.</summary>
    /// <param name="name">One of the names in <see cref="Shapes"/>.</param>
    TensorView Open(string name);
}
