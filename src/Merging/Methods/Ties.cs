using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
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
            return (tensor, merged) => Combine(group, tensor, Thresholds(group, [tensor], stop), tiedSign: 0, merged);

        var thresholds = Thresholds(group, group.Tensors, stop);
        var majority = MajoritySign(group, thresholds, stop);
        return (tensor, merged) => Combine(group, tensor, thresholds, majority, merged);
    }

    void Combine(ExpertGroup group, string tensor, float[] thresholds, int tiedSign, Span<float> merged)
    {
        ReadOnlySpan<float> reference = group.Reference[tensor].Values;
        ReadOnlySpan<float[]> experts = group.Values(tensor);
        for (var i = 0; i < merged.Length; i++)
        {
            var vote = Vote.Of(i, reference, experts, thresholds);
            var sign = vote.Sign != 0 ? vote.Sign : tiedSign;
            var agreeing = sign > 0 ? vote.Rises : vote.Falls;
            var magnitude = Merge switch
            {
                DisjointMerge.Sum => agreeing.Sum,
                DisjointMerge.Max => agreeing.Largest,
                _ => agreeing.Sum / Math.Max(1, agreeing.Count),
            };
            merged[i] = (float)(reference[i] + (Lambda * sign * magnitude));
        }
    }

    /// <summary>The sign that most weights elect, 0 if neither has more.</summary>
    static int MajoritySign(ExpertGroup group, float[] thresholds, CancellationToken stop)
    {
        var balance = 0L;
        foreach (var tensor in group.Tensors)
        {
            stop.ThrowIfCancellationRequested();
            ReadOnlySpan<float> reference = group.Reference[tensor].Values;
            ReadOnlySpan<float[]> experts = group.Values(tensor);
            for (var i = 0; i < reference.Length; i++)
                balance += Vote.Of(i, reference, experts, thresholds).Sign;
        }
        return Math.Sign(balance);
    }

    /// <summary>For each expert, the smallest magnitude that its task vector keeps in <paramref name="tensors"/>.</summary>
    float[] Thresholds(ExpertGroup group, ImmutableArray<string> tensors, CancellationToken stop)
    {
        var length = tensors.Sum(tensor => group.Reference[tensor].Length);
        var keep = Scope == TrimScope.Tensor ? Math.Max(1, (int)Math.Ceiling(Density * length)) : Math.Min(length, (int)(Density * length) + 1);
        return [.. Enumerable.Range(0, group.Items.Length).Select(expert => KeptMagnitude(group, expert, tensors, keep, stop))];
    }

    /// <summary>The <paramref name="keep"/>-th largest magnitude of an expert's changes.</summary>
    /// <remarks>
    /// Magnitudes order as the bits of their floats do; two counts, of the upper and of the lower 16 bits, find it without sorting or copying.
    /// </remarks>
    static float KeptMagnitude(ExpertGroup group, int expert, ImmutableArray<string> tensors, int keep, CancellationToken stop)
    {
        Span<int> counts = new int[1 << 16];
        foreach (var tensor in tensors)
        {
            stop.ThrowIfCancellationRequested();
            var (reference, values) = (group.Reference[tensor].Values, group.Values(expert, tensor));
            for (var i = 0; i < values.Length; i++)
                counts[(int)(Magnitude(values[i] - reference[i]) >> 16)]++;
        }
        var upper = Select(counts, ref keep);

        counts.Clear();
        foreach (var tensor in tensors)
        {
            stop.ThrowIfCancellationRequested();
            var (reference, values) = (group.Reference[tensor].Values, group.Values(expert, tensor));
            for (var i = 0; i < values.Length; i++)
            {
                var magnitude = Magnitude(values[i] - reference[i]);
                if (magnitude >> 16 == upper)
                    counts[(int)(magnitude & 0xffff)]++;
            }
        }
        return BitConverter.UInt32BitsToSingle((upper << 16) | Select(counts, ref keep));
    }

    static uint Magnitude(float change) => BitConverter.SingleToUInt32Bits(change) & 0x7fff_ffff;

    /// <summary>
    /// The bucket that holds the <paramref name="rank"/>-th largest entry; <paramref name="rank"/> becomes its rank within the bucket.
    /// </summary>
    static uint Select(ReadOnlySpan<int> counts, ref int rank)
    {
        var bucket = counts.Length - 1;
        for (; counts[bucket] < rank; bucket--)
            rank -= counts[bucket];
        return (uint)bucket;
    }

    /// <summary>The trimmed changes of one weight, by their direction.</summary>
    struct Vote
    {
        public Side Rises;
        public Side Falls;

        /// <summary>Sign of the sum of all changes.</summary>
        public readonly int Sign => Rises.Sum > Falls.Sum ? 1 : Rises.Sum < Falls.Sum ? -1 : 0;

        public static Vote Of(int weight, ReadOnlySpan<float> reference, ReadOnlySpan<float[]> experts, ReadOnlySpan<float> thresholds)
        {
            var vote = new Vote();
            for (var j = 0; j < experts.Length; j++)
            {
                var change = experts[j][weight] - reference[weight];
                if (MathF.Abs(change) < thresholds[j])
                    continue;
                if (change > 0)
                    vote.Rises.Add(change);
                else if (change < 0)
                    vote.Falls.Add(-change);
            }
            return vote;
        }
    }

    /// <summary>Magnitudes of the changes in one direction.</summary>
    struct Side
    {
        // In fp64 the sum of a few fp32 values hardly rounds: the elected sign does not depend on the order of the items.
        public double Sum;
        public double Largest;
        public int Count;

        public void Add(float magnitude)
        {
            Sum += magnitude;
            Largest = Math.Max(Largest, magnitude);
            Count++;
        }
    }
}
