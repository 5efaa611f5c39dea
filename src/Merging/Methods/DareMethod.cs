using System.Buffers.Binary;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace ScoringService.Merging.Methods;

/// <summary>
/// DARE, drop and rescale (Yu et al. 2024, §3; algorithm brief §4.4): every value of a task vector is dropped with probability p, and those that
/// remain are divided by 1 − p, which keeps their mean; another method then merges what is left.
/// </summary>
/// <remarks>
/// Whether a value is dropped depends on the seed, its item, its tensor and its place in it, and on nothing else: neither the other items of the
/// group nor their order.
/// </remarks>
public abstract record DareMethod : TaskVectorMethod
{
    const ulong Increment = 0x9e37_79b9_7f4a_7c15;

    /// <summary>Probability p that a value is dropped. From 0 to below 1; default 0.5.</summary>
    [Description("Probability p that a task vector's value is dropped; the others are divided by 1 − p.")]
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Drop { get; init; } = 0.5;

    /// <summary>Seed of the draws. Default 0.</summary>
    [Description("Seed that decides which values are dropped.")]
    [Range(0, int.MaxValue)]
    public int Seed { get; init; }

    /// <summary>Prepares a method that sees what is left of the task vectors.</summary>
    private protected TensorCombiner PrepareDropped(TaskVectorMethod method, ExpertGroup group, CancellationToken stop)
    {
        var (dropped, scale) = ((ulong)Math.ScaleB(Drop, 64), (float)(1 / (1 - Drop)));
        var combine = method.Prepare(group.With(DropAndRescale), stop);
        return tensor =>
        {
            var dropping = tensor.With(DropAndRescale);
            var combineSlice = combine(dropping);
            return (slice, merged) => combineSlice(slice.Of(dropping), merged);
        };

        void DropAndRescale(string item, string tensor, int start, Span<float> changes)
        {
            // SplitMix64 counts, so any part of its sequence can be drawn on its own.
            var state = StateOf(item, tensor) + ((ulong)start * Increment);
            foreach (ref var change in changes)
                change *= Next(ref state) < dropped ? 0 : scale;
        }
    }

    ulong StateOf(string item, string tensor)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"{Seed}\n{item}\n{tensor}");
        return BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    /// <summary>The next 64 random bits of SplitMix64 (Steele, Lea and Flood 2014): the same on every platform and in every release.</summary>
    static ulong Next(ref ulong state)
    {
        var bits = state += Increment;
        bits = (bits ^ (bits >> 30)) * 0xbf58_476d_1ce4_e5b9;
        bits = (bits ^ (bits >> 27)) * 0x94d0_49bb_1331_11eb;
        return bits ^ (bits >> 31);
    }
}
