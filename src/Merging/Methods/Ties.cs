using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace ScoringService.Merging.Methods;

/// <summary>
/// TIES, trim, elect sign and merge (Yadav et al. 2023), in the variant of the public GW-SMM code: each tensor on its own, not the whole model at
/// once. Of each task vector keep the share k with the largest magnitudes (values that tie with the smallest kept one stay); elect e = sign Σⱼ τⱼ;
/// τ* is the mean of the trimmed τⱼ whose sign is e, 0 where none is; θ = θ₀ + λ τ*.
/// </summary>
[Description("Trims small changes, elects a sign per weight and averages the task vectors that agree with it, tensor by tensor: θ = θ₀ + λ τ*.")]
public sealed record Ties : TaskVectorMethod
{
    /// <summary>Density k: share of each task vector's values that is kept. Above 0, at most 1; default 0.3, as in GW-SMM.</summary>
    [Description("Share k of each task vector's values that is kept.")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Density { get; init; } = 0.3;

    /// <summary>Scale λ of the merged task vector. Unitless; default 1. The GW-SMM run used 0.5.</summary>
    [Description("Scale λ of the merged task vector.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 1;

    /// <inheritdoc/>
    protected internal override void Combine(ReadOnlySpan<float> reference, ReadOnlySpan<float[]> experts, Span<float> merged)
    {
        var thresholds = new float[experts.Length];
        for (var j = 0; j < experts.Length; j++)
        {
            TensorPrimitives.Subtract(experts[j], reference, merged);
            thresholds[j] = KeptMagnitude(merged, (int)Math.Max(1, Math.Ceiling(Density * merged.Length)));
        }

        for (var i = 0; i < merged.Length; i++)
        {
            // In fp64 the sum of a few fp32 values hardly rounds: the elected sign does not depend on the order of the items.
            double sum = 0, positive = 0, negative = 0;
            int positives = 0, negatives = 0;
            for (var j = 0; j < experts.Length; j++)
            {
                var change = experts[j][i] - reference[i];
                if (MathF.Abs(change) < thresholds[j])
                    continue;
                sum += change;
                if (change > 0)
                    (positive, positives) = (positive + change, positives + 1);
                else if (change < 0)
                    (negative, negatives) = (negative + change, negatives + 1);
            }
            var mean = sum switch { > 0 => positive / positives, < 0 => negative / negatives, _ => 0 };
            merged[i] = (float)(reference[i] + (Lambda * mean));
        }
    }

    /// <summary>The <paramref name="keep"/>-th largest magnitude.</summary>
    /// <remarks>
    /// Magnitudes order as the bits of their floats do; two counts, of the upper and of the lower 16 bits, find it without sorting or copying.
    /// </remarks>
    static float KeptMagnitude(ReadOnlySpan<float> values, int keep)
    {
        var magnitudes = MemoryMarshal.Cast<float, uint>(values);
        Span<int> counts = new int[1 << 16];
        foreach (var bits in magnitudes)
            counts[(int)((bits & 0x7fff_ffff) >> 16)]++;
        var upper = Select(counts, ref keep);

        counts.Clear();
        foreach (var bits in magnitudes)
        {
            if ((bits & 0x7fff_ffff) >> 16 == upper)
                counts[(int)(bits & 0xffff)]++;
        }
        return BitConverter.UInt32BitsToSingle((upper << 16) | Select(counts, ref keep));
    }

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
}
