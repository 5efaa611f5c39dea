using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Elects a sign for every weight, that of the sum of the trimmed changes, and merges the changes that agree with it (Yadav et al. 2023, §4).
/// </summary>
/// <remarks>
/// Rises and falls are summed apart in fp64, where the sum of a few fp32 numbers hardly rounds: the sign does not depend on the order of the items.
/// </remarks>
/// <param name="kept">The smallest magnitude that each task vector keeps.</param>
sealed class SignElection(float[] kept)
{
    /// <summary>The sign that most weights of the models elect, 0 if neither has more.</summary>
    public int Majority(ExpertGroup group, CancellationToken stop)
    {
        var balance = 0L;
        foreach (var name in group.Tensors)
        {
            stop.ThrowIfCancellationRequested();
            group.Tensor(name).ForEachSlice(slice =>
            {
                var rented = ArrayPool<Vector<float>>.Shared.Rent(Vectors(slice.Length) * kept.Length);
                Trim(slice, rented);
                var sum = 0L;
                for (var i = 0; i < Vectors(slice.Length); i++)
                    sum += (long)Vector.Sum(Sides.Of(rented, i, kept.Length).Sign());
                Interlocked.Add(ref balance, sum);
                ArrayPool<Vector<float>>.Shared.Return(rented);
            });
        }
        return Math.Sign(balance);
    }

    /// <summary>The merged task vector τ* of a slice.</summary>
    /// <param name="slice">The slice.</param>
    /// <param name="tiedSign">The sign where changes cancel out.</param>
    /// <param name="disjoint">What becomes of the changes that agree.</param>
    /// <param name="merged">Receives τ*.</param>
    public void Merge(ExpertSlice slice, int tiedSign, DisjointMerge disjoint, Span<float> merged)
    {
        Span<Vector<float>> result = stackalloc Vector<float>[Vectors(merged.Length)];
        var trimmed = ArrayPool<Vector<float>>.Shared.Rent(result.Length * kept.Length);
        Trim(slice, trimmed);
        for (var i = 0; i < result.Length; i++)
        {
            var sides = Sides.Of(trimmed, i, kept.Length);
            var sign = sides.Sign();
            sign = Vector.ConditionalSelect(Vector.Equals(sign, Vector<float>.Zero), new Vector<float>(tiedSign), sign);
            var (count, largest) = (Vector<float>.Zero, Vector<float>.Zero);
            if (disjoint != DisjointMerge.Sum)
            {
                for (var expert = 0; expert < kept.Length; expert++)
                {
                    var agreeing = Vector.Max(trimmed[(i * kept.Length) + expert] * sign, Vector<float>.Zero);
                    largest = Vector.Max(largest, agreeing);
                    count += Vector.ConditionalSelect(Vector.GreaterThan(agreeing, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
                }
            }
            result[i] = sign * (disjoint switch
            {
                DisjointMerge.Max => largest,
                DisjointMerge.Mean => sides.Sum(sign) / Vector.Max(count, Vector<float>.One),
                _ => sides.Sum(sign),
            });
        }
        MemoryMarshal.Cast<Vector<float>, float>(result)[..merged.Length].CopyTo(merged);
        ArrayPool<Vector<float>>.Shared.Return(trimmed);
    }

    static int Vectors(int length) => (length + Vector<float>.Count - 1) / Vector<float>.Count;

    /// <summary>The changes that trimming keeps, 0 for the others: for each vector of weights, that of every model in turn.</summary>
    void Trim(ExpertSlice slice, Span<Vector<float>> trimmed)
    {
        Span<Vector<float>> changes = stackalloc Vector<float>[Vectors(slice.Length)];
        changes.Clear();
        for (var expert = 0; expert < kept.Length; expert++)
        {
            slice.Changes(expert, MemoryMarshal.Cast<Vector<float>, float>(changes)[..slice.Length]);
            var smallest = new Vector<float>(kept[expert]);
            for (var i = 0; i < changes.Length; i++)
            {
                trimmed[(i * kept.Length) + expert] = Vector.ConditionalSelect(
                    Vector.GreaterThanOrEqual(Vector.Abs(changes[i]), smallest), changes[i], Vector<float>.Zero);
            }
        }
    }

    /// <summary>Sums of the magnitudes of a vector's changes, by their direction.</summary>
    readonly ref struct Sides
    {
        readonly Vector<double> lowerRises;
        readonly Vector<double> upperRises;
        readonly Vector<double> lowerFalls;
        readonly Vector<double> upperFalls;

        Sides(Vector<double> lowerRises, Vector<double> upperRises, Vector<double> lowerFalls, Vector<double> upperFalls) =>
            (this.lowerRises, this.upperRises, this.lowerFalls, this.upperFalls) = (lowerRises, upperRises, lowerFalls, upperFalls);

        public static Sides Of(ReadOnlySpan<Vector<float>> trimmed, int vector, int experts)
        {
            Vector<double> lowerRises = default, upperRises = default, lowerFalls = default, upperFalls = default;
            for (var expert = 0; expert < experts; expert++)
            {
                Vector.Widen(trimmed[(vector * experts) + expert], out var lower, out var upper);
                lowerRises += Vector.Max(lower, Vector<double>.Zero);
                upperRises += Vector.Max(upper, Vector<double>.Zero);
                lowerFalls -= Vector.Min(lower, Vector<double>.Zero);
                upperFalls -= Vector.Min(upper, Vector<double>.Zero);
            }
            return new(lowerRises, upperRises, lowerFalls, upperFalls);
        }

        /// <summary>Sign of the sum of all changes.</summary>
        public Vector<float> Sign() => Vector.Narrow(Sign(lowerRises, lowerFalls), Sign(upperRises, upperFalls));

        /// <summary>The sum of the side with that sign; of the falls where it is not 1.</summary>
        public Vector<float> Sum(Vector<float> sign) => Vector.ConditionalSelect(
            Vector.GreaterThan(sign, Vector<float>.Zero), Vector.Narrow(lowerRises, upperRises), Vector.Narrow(lowerFalls, upperFalls));

        static Vector<double> Sign(Vector<double> rises, Vector<double> falls) =>
            Vector.ConditionalSelect(Vector.GreaterThan(rises, falls), Vector<double>.One, Vector<double>.Zero)
            - Vector.ConditionalSelect(Vector.GreaterThan(falls, rises), Vector<double>.One, Vector<double>.Zero);
    }
}
