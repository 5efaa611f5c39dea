using System.ComponentModel;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>Simple average: θ = (1/T) Σᵢ θᵢ (Wortsman et al. 2022).</summary>
[Description("Mean of the encoders: θ = (1/T) Σ θᵢ.")]
public sealed record SimpleAverage : StaticMethod
{
    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) => (tensor, merged) =>
    {
        merged.Clear();
        foreach (var expert in group.Values(tensor))
            TensorPrimitives.Add(merged, expert, merged);
        TensorPrimitives.Divide(merged, group.Items.Length, merged);
    };
}
