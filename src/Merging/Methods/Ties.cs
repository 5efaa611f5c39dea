using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Numerics.Tensors;
using System.Text.Json.Serialization;

namespace ScoringService.Merging.Methods;

/// <summary>What <see cref="Ties"/> trims at once.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrimScope>))]
public enum TrimScope
{
    /// <summary>Each tensor on its own, as the public GW-SMM code does.</summary>
    [JsonStringEnumMemberName("tensor")] Tensor,

    /// <summary>All tensors together, as the paper does.</summary>
    [JsonStringEnumMemberName("model")] Model,
}

/// <summary>What <see cref="Ties"/> makes of the changes that agree with the elected sign.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DisjointMerge>))]
public enum DisjointMerge
{
    /// <summary>Their mean.</summary>
    [JsonStringEnumMemberName("mean")] Mean,

    /// <summary>Their sum.</summary>
    [JsonStringEnumMemberName("sum")] Sum,

    /// <summary>The one of largest magnitude.</summary>
    [JsonStringEnumMemberName("max")] Max,
}

/// <summary>
/// TIES, trim, elect sign and merge (Yadav et al. 2023, §4; algorithm brief §1.4 and §4.3). Of each task vector keep the share k with the largest
/// magnitudes (values that tie with the smallest kept one stay); elect e = sign Σⱼ τⱼ; τ* is the mean, sum or maximum of the trimmed τⱼ whose sign
/// is e, 0 where none is; θ = θ₀ + λ τ*.
/// </summary>
/// <remarks>
/// The scopes differ in two things besides what is trimmed together, each as in the code it follows. Of n values, <see cref="TrimScope.Tensor"/>
/// keeps ⌈kn⌉ and at least one, <see cref="TrimScope.Model"/> ⌊kn⌋ + 1. Where the trimmed changes cancel out, the tensor scope leaves the weight as
/// it is; the model scope takes the sign that most weights of the model have elected.
/// </remarks>
[Description("Trims small changes, elects a sign per weight and combines the task vectors that agree with it: θ = θ₀ + λ τ*.")]
public sealed record Ties : TaskVectorMethod
{
    /// <summary>Density k: share of each task vector's values that is kept. Above 0, at most 1; default 0.3, as in GW-SMM.</summary>
    [Description("Share k of each task vector's values that is kept.")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Density { get; init; } = 0.3;

    /// <summary>Scale λ of the merged task vector. Unitless; default 1. The GW-SMM run used 0.5; with sums 0.3 is usual.</summary>
    [Description("Scale λ of the merged task vector.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 1;

    /// <summary>What becomes of the changes that agree. Default mean, as in the paper.</summary>
    [Description("What becomes of the changes that agree with the elected sign: their mean, sum or maximum.")]
    public DisjointMerge Merge { get; init; }

    /// <summary>What is trimmed at once. Default tensor, as in GW-SMM.</summary>
    [Description("What is trimmed at once: each tensor on its own, or the whole model.")]
    public TrimScope Scope { get; init; }

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop)
    {
        if (Scope == TrimScope.Tensor)
        {
            return tensor =>
            {
                var election = new SignElection(KeptMagnitude.Of(tensor, Math.Max(1, (int)Math.Ceiling(Density * tensor.Length))));
                return (slice, merged) => Combine(slice, election, tiedSign: 0, merged);
            };
        }

        var length = group.Tensors.Sum(tensor => (long)group.Length(tensor));
        var model = new SignElection(KeptMagnitude.Of(group, Math.Min(length, (long)(Density * length) + 1), stop));
        var majority = model.Majority(group, stop);
        return _ => (slice, merged) => Combine(slice, model, majority, merged);
    }

    void Combine(ExpertSlice slice, SignElection election, int tiedSign, Span<float> merged)
    {
        election.Merge(slice, tiedSign, Merge, merged);
        TensorPrimitives.Multiply(merged, (float)Lambda, merged);
        TensorPrimitives.Add(merged, slice.Reference, merged);
    }
}
