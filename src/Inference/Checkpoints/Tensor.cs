using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>A named array of a model: its shape and its values in row-major order, in fp32.</summary>
/// <param name="Shape">Sizes of the dimensions, outermost first; empty for a scalar.</param>
/// <param name="Values">Exactly as many values as the shape asks for. Treated as immutable once handed over.</param>
public sealed record Tensor(ImmutableArray<int> Shape, float[] Values)
{
    /// <summary>Number of values.</summary>
    public int Length => Values.Length;

    /// <summary>The same shape filled with zeros.</summary>
    public Tensor Zeros() => new(Shape, new float[Values.Length]);

    /// <summary>Shape as it is written in messages: <c>[384,1536]</c>.</summary>
    public string Describe() => $"[{string.Join(',', Shape)}]";
}
