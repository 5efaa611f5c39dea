using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ScoringService.Merging.Methods;

/// <summary>Task arithmetic: θ = θ₀ + λ Σᵢ τᵢ (Ilharco et al. 2023, §2).</summary>
[Description("Reference plus scaled sum of task vectors: θ = θ₀ + λ Σ τᵢ.")]
public sealed record TaskArithmetic : TaskVectorMethod
{
    /// <summary>Scale λ of the summed task vectors. Unitless; 1/T averages. Default 0.3.</summary>
    [Description("Scale λ of the summed task vectors; 1/T averages T models.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 0.3;

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) =>
        WeightedSum([.. Enumerable.Repeat((float)Lambda, group.Items.Length)]);
}
