using System.Numerics.Tensors;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Alignment;

/// <summary>The Euclidean distances within one cloud of feature vectors: symmetric, zero on the diagonal, not normalized (GW-SMM §3).</summary>
public sealed class DistanceMatrix
{
    // Below this share of the points' squared lengths, d² = ‖x‖² + ‖y‖² − 2⟨x,y⟩ has lost too many digits to cancellation.
    const double NearlyEqual = 1e-6;

    DistanceMatrix(Matrix distances) => Distances = distances;

    /// <summary>Number of points.</summary>
    public int Size => Distances.Rows;

    /// <summary>Distance of two points.</summary>
    public double this[int i, int j] => Distances[i, j];

    internal Matrix Distances { get; }

    /// <summary>The distances of all pairs of different points, ascending: <c>[n (n − 1) / 2]</c>.</summary>
    internal double[] Sorted()
    {
        var sorted = new double[(long)Size * (Size - 1) / 2];
        var filled = 0;
        for (var i = 1; i < Size; i++)
        {
            Distances.Row(i)[..i].CopyTo(sorted.AsSpan(filled));
            filled += i;
        }
        Array.Sort(sorted);
        return sorted;
    }

    /// <summary>A sum over each row, divided by the number of points.</summary>
    internal double[] RowMeans(Func<ReadOnlySpan<double>, double> sum)
    {
        var means = new double[Size];
        for (var i = 0; i < means.Length; i++)
            means[i] = sum(Distances.Row(i)) / means.Length;
        return means;
    }

    /// <summary>Distances of the rows of <paramref name="features"/>, in fp64.</summary>
    /// <param name="features">One point a row, shape <c>[responses, hidden]</c>; finite values.</param>
    /// <exception cref="ArgumentException">Not a matrix, empty, or not finite.</exception>
    public static DistanceMatrix Euclidean(Tensor features)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (features.Shape is not [> 0 and var count, > 0 and var width])
            throw new ArgumentException(
                $"Features must be a [responses, hidden] matrix with at least one row; they are {features.Describe()}.", nameof(features));
        if (!TensorPrimitives.IsFiniteAll<float>(features.Values))
            throw new ArgumentException("Features must be finite; at least one is NaN or infinite.", nameof(features));

        var points = Centered(features.Values, count, width);
        var distances = new Matrix(count, count);
        Matrix.Multiply(points, points.Transposed(), distances);
        var squares = new double[count];
        for (var i = 0; i < count; i++)
            squares[i] = distances[i, i];
        for (var i = 0; i < count; i++)
        {
            var row = distances.Row(i);
            for (var j = 0; j < count; j++)
            {
                var squared = squares[i] + squares[j] - (2 * row[j]);
                row[j] = squared > NearlyEqual * (squares[i] + squares[j])
                    ? Math.Sqrt(squared)
                    : TensorPrimitives.Distance<double>(points.Row(i), points.Row(j));
            }
        }
        return new DistanceMatrix(distances);
    }

    // Distances do not see a shift, but digits do: centered points are the shortest.
    static Matrix Centered(float[] features, int count, int width)
    {
        var points = new Matrix(count, width);
        TensorPrimitives.ConvertTruncating<float, double>(features, points.Values);
        var mean = new double[width];
        for (var i = 0; i < count; i++)
            TensorPrimitives.Add(mean, points.Row(i), mean);
        TensorPrimitives.Divide(mean, count, mean);
        for (var i = 0; i < count; i++)
            TensorPrimitives.Subtract(points.Row(i), mean, points.Row(i));
        return points;
    }
}
