using System.ComponentModel;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>Simple average: θ = (1/T) Σᵢ θᵢ (Wortsman et al. 2022).</summary>
[Description("Mean of the encoders: θ = (1/T) Σ θᵢ.")]
public sealed record SimpleAverage : StaticMethod
{
    /// <inheritdoc/>
    protected internal override void Combine(ReadOnlySpan<float> reference, ReadOnlySpan<float[]> experts, Span<float> merged)
    {
        merged.Clear();
        foreach (var expert in experts)
            TensorPrimitives.Add(merged, expert, merged);
        TensorPrimitives.Divide(merged, experts.Length, merged);
    }
}
