using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ScoringService.Merging.Methods;

/// <summary>DARE with task arithmetic: θ = θ₀ + λ Σᵢ τ'ᵢ, where τ' is what drop and rescale leaves of τ (Yu et al. 2024).</summary>
[Description("Drops values of the task vectors at random, rescales the others and adds their scaled sum: θ = θ₀ + λ Σ τ'ᵢ.")]
public sealed record Dare : DareMethod
{
    /// <summary>Scale λ of the summed task vectors. Unitless; 1/T averages. Default 0.3.</summary>
    [Description("Scale λ of the summed task vectors; 1/T averages T models.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 0.3;

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) =>
        PrepareDropped(new TaskArithmetic { Lambda = Lambda }, group, stop);
}
