using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace ScoringService.Merging.Methods;

/// <summary>
/// The smallest magnitude that trimming keeps of each task vector: its k-th largest. Magnitudes order as the bits of their floats do, so counting
/// by the upper 12 bits, then the middle 10, then the lower 9 finds it in three passes, without sorting or copying.
/// </summary>
static class KeptMagnitude
{
    const uint Unsigned = 0x7fff_ffff;

    /// <summary>Bits that each pass counts by; together those of a float without its sign.</summary>
    static ReadOnlySpan<int> Levels => [12, 10, 9];

    /// <summary>Within one tensor, of each model in turn.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="keep">k, from 1 to the tensor's length.</param>
    public static float[] Of(ExpertTensor tensor, long keep) => Select(tensor.Experts, keep, count => count(tensor));

    /// <summary>Within all tensors of the group's models together.</summary>
    /// <param name="group">The models.</param>
    /// <param name="keep">k, from 1 to the number of values of a model.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    public static float[] Of(ExpertGroup group, long keep, CancellationToken stop) => Select(group.Items.Length, keep, count =>
    {
        foreach (var name in group.Tensors)
        {
            stop.ThrowIfCancellationRequested();
            count(group.Tensor(name));
        }
    });

    static float[] Select(int experts, long keep, Action<Action<ExpertTensor>> forEachTensor)
    {
        var (prefixes, ranks) = (new uint[experts], Enumerable.Repeat(keep, experts).ToArray());
        var shift = 31;
        foreach (var bits in Levels)
        {
            shift -= bits;
            // An encoder has far fewer values than an integer can count.
            var counts = new int[experts][];
            for (var expert = 0; expert < experts; expert++)
                counts[expert] = new int[1 << bits];
            forEachTensor(tensor => Count(tensor, prefixes, shift, bits, counts));
            for (var expert = 0; expert < experts; expert++)
                prefixes[expert] = (prefixes[expert] << bits) | LargestFirst(counts[expert], ref ranks[expert]);
        }
        return Array.ConvertAll(prefixes, BitConverter.UInt32BitsToSingle);
    }

    /// <summary>Counts the magnitudes that begin with their model's prefix by the bits that follow it.</summary>
    static void Count(ExpertTensor tensor, uint[] prefixes, int shift, int bits, int[][] counts)
    {
        tensor.ForEachSlice(slice =>
        {
            Span<float> changes = stackalloc float[slice.Length];
            Span<int> local = stackalloc int[1 << bits];
            for (var expert = 0; expert < prefixes.Length; expert++)
            {
                slice.Changes(expert, changes);
                local.Clear();
                if (shift + bits == 31)
                    CountAll(changes, shift, local);
                else
                    CountPrefix(changes, prefixes[expert], shift, bits, local);
                lock (counts[expert])
                    TensorPrimitives.Add(counts[expert], local, counts[expert]);
            }
        });
    }

    static void CountAll(Span<float> changes, int shift, Span<int> counts)
    {
        foreach (var change in MemoryMarshal.Cast<float, uint>(changes))
            counts[(int)((change & Unsigned) >> shift)]++;
    }

    static void CountPrefix(Span<float> changes, uint prefix, int shift, int bits, Span<int> counts)
    {
        var magnitudes = MemoryMarshal.Cast<float, uint>(changes);
        var vectors = MemoryMarshal.Cast<uint, Vector<uint>>(magnitudes);
        var (wanted, unsigned) = (new Vector<uint>(prefix), new Vector<uint>(Unsigned));
        var mask = (1u << bits) - 1;
        for (var v = 0; v < vectors.Length; v++)
        {
            // Few magnitudes share the prefix: most vectors hold none.
            if (Vector.EqualsAny((vectors[v] & unsigned) >> (shift + bits), wanted))
                CountOneByOne(magnitudes.Slice(v * Vector<uint>.Count, Vector<uint>.Count), counts);
        }
        CountOneByOne(magnitudes[(vectors.Length * Vector<uint>.Count)..], counts);

        void CountOneByOne(ReadOnlySpan<uint> some, Span<int> into)
        {
            foreach (var change in some)
            {
                var magnitude = change & Unsigned;
                if (magnitude >> (shift + bits) == prefix)
                    into[(int)((magnitude >> shift) & mask)]++;
            }
        }
    }

    /// <summary>
    /// The bucket that holds the <paramref name="rank"/>-th largest entry; <paramref name="rank"/> becomes its rank within the bucket.
    /// </summary>
    static uint LargestFirst(ReadOnlySpan<int> counts, ref long rank)
    {
        var bucket = counts.Length - 1;
        for (; counts[bucket] < rank; bucket--)
            rank -= counts[bucket];
        return (uint)bucket;
    }
}
