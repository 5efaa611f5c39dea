using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Which values of a task vector pruning keeps.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PruningRule>))]
public enum PruningRule
{
    /// <summary>
    /// Those whose magnitude is above the quantile of all magnitudes, interpolated linearly, as the public code: even without pruning the smallest goes, and ties
    /// with it.
    /// </summary>
    [JsonStringEnumMemberName("strict-quantile")] StrictQuantile,

    /// <summary>Exactly n − ⌊ratio·n⌋ of n values, the largest; of equal ones those that come first.</summary>
    [JsonStringEnumMemberName("index-exact")] IndexExact,
}

/// <summary>E-WEMoE (Shen et al. 2024): WEMoE with pruned task vectors and one router for all layers.</summary>
[Description("Blends the MLPs for every response from pruned task vectors, by one router that all layers share; merges everything else.")]
public sealed record EfficientWeightEnsembling : WeightEnsemblingMethod
{
    /// <summary>Share of the values of each tensor of each task vector that is removed. Default 0.9, as in the paper.</summary>
    [Description("Share of the values of each tensor of each task vector that is removed.")]
    [Range(0.0, 1.0)]
    public double Prune { get; init; } = 0.9;

    /// <summary>Which values pruning keeps. Default strict-quantile, as in the public code.</summary>
    [Description("Which values pruning keeps.")]
    public PruningRule Pruning { get; init; }

    /// <summary>Whether the router is told the layer. Default false, as in the paper.</summary>
    [Description("Whether the shared router is told the layer, by sines and cosines in front of its input.")]
    public bool LayerEncoding { get; init; }

    private protected override RouterLayout Layout => new(RouterDepth, IsShared: true, LayerEncoding);

    private protected override TaskVector Keep(float[] values) => TaskVector.Sparse(values, TaskVectorPruning.Kept(values, Prune, Pruning));
}
