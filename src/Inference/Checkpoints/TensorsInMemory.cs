using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>Tensors that are in memory anyway.</summary>
/// <param name="tensors">The tensors by name.</param>
public sealed class TensorsInMemory(IReadOnlyDictionary<string, Tensor> tensors) : ITensorStore
{
    /// <inheritdoc/>
    public IReadOnlyDictionary<string, ImmutableArray<int>> Shapes { get; } =
        new OrderedDictionary<string, ImmutableArray<int>>(tensors.Select(tensor => KeyValuePair.Create(tensor.Key, tensor.Value.Shape)));

    /// <inheritdoc/>
    public ReadOnlySpan<float> Read(string name, int start, Span<float> buffer) => tensors[name].Values.AsSpan(start, buffer.Length);
}
