using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace ScoringService.Merging.Methods;

/// <summary>DARE with TIES: what drop and rescale leaves of the task vectors is merged by <see cref="Ties"/> (Yu et al. 2024).</summary>
[Description("Drops values of the task vectors at random, rescales the others and merges them as 'ties' does: θ = θ₀ + λ τ*.")]
public sealed record DareTies : DareMethod
{
    /// <summary>Density k: share of each task vector's values that is kept after the drop. Above 0, at most 1; default 0.2.</summary>
    [Description("Share k of each task vector's values that is kept after the drop.")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Density { get; init; } = 0.2;

    /// <summary>Scale λ of the merged task vector. Unitless; default 0.5.</summary>
    [Description("Scale λ of the merged task vector.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 0.5;

    /// <summary>What becomes of the changes that agree. Default sum.</summary>
    [Description("What becomes of the changes that agree with the elected sign: their mean, sum or maximum.")]
    public DisjointMerge Merge { get; init; } = DisjointMerge.Sum;

    /// <summary>What is trimmed at once. Default model.</summary>
    [Description("What is trimmed at once: each tensor on its own, or the whole model.")]
    public TrimScope Scope { get; init; } = TrimScope.Model;

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) =>
        PrepareDropped(new Ties { Density = Density, Lambda = Lambda, Merge = Merge, Scope = Scope }, group, stop);
}
