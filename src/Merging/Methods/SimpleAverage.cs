using System.ComponentModel;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>Simple average: θ = (1/T) Σᵢ θᵢ (Wortsman et al. 2022).</summary>
[Description("Mean of the encoders: θ = (1/T) Σ θᵢ.")]
public sealed record SimpleAverage : StaticMethod
{
    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) => _ => (slice, merged) =>
    {
        Span<float> buffer = stackalloc float[merged.Length];
        merged.Clear();
        for (var expert = 0; expert < slice.Experts; expert++)
            TensorPrimitives.Add(merged, slice.Values(expert, buffer), merged);
        TensorPrimitives.Divide(merged, slice.Experts, merged);
    };
}
