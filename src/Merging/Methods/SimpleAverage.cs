using System.ComponentModel;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>Simple average: θ = (1/T) Σᵢ θᵢ (Wortsman et al. 2022).</summary>
[Description("Mean of the encoders: θ = (1/T) Σ θᵢ.")]
public sealed record SimpleAverage : StaticMethod
{
    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) => tensor => (start, merged) =>
    {
        tensor.Values(0).Slice(start, merged.Length).CopyTo(merged);
        for (var expert = 1; expert < tensor.Experts; expert++)
            TensorPrimitives.Add(merged, tensor.Values(expert).Slice(start, merged.Length), merged);
        TensorPrimitives.Divide(merged, tensor.Experts, merged);
    };
}
