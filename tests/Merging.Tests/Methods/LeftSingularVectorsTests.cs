using ScoringService.Merging.Methods;
using Dense = MathNet.Numerics.LinearAlgebra.Matrix<double>;
using Matrix = ScoringService.Merging.Alignment.Matrix;

namespace ScoringService.Merging.Tests.Methods;

public sealed class LeftSingularVectorsTests
{
    [Fact]
    public void Without_inputs_a_projection_loses_what_the_truncated_singular_value_decomposition_loses()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (delta, _, rank) = Random(new Random(seed));
            var least = delta.Svd(computeVectors: false).S.Skip(rank).Sum(value => value * value);

            var lost = Lost(delta, Projected(delta, null, rank), Dense.Build.DenseIdentity(delta.ColumnCount));

            Assert.True(lost <= (1.02 * least) + 1e-9, $"seed {seed}: {lost}, at least {least}");
        }
    }

    [Fact]
    public void With_inputs_it_loses_least_of_the_outputs()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (delta, inputs, rank) = Random(new Random(seed));
            var least = (delta * inputs).Svd(computeVectors: false).S.Skip(rank).Sum(value => value * value);

            var lost = Lost(delta, Projected(delta, inputs * inputs.Transpose(), rank), inputs);

            Assert.True(lost <= (1.02 * least) + 1e-9, $"seed {seed}: {lost}, at least {least}");
        }
    }

    [Fact]
    public void The_vectors_are_orthonormal_or_zero_where_there_is_nothing_left()
    {
        var delta = Dense.Build.DenseOfRowArrays([1, 2, 0], [2, 4, 0], [0, 0, 0]);

        var vectors = ToDense(LeftSingularVectors.Of(ToMatrix(delta), null, 2, default));

        Assert.Equal(1, Math.Abs(vectors.Row(0).DotProduct(Dense.Build.DenseOfRowArrays([1 / Math.Sqrt(5), 2 / Math.Sqrt(5), 0]).Row(0))), 1e-9);
        Assert.True((vectors.Transpose() * vectors * delta - delta).L2Norm() < 1e-9);
    }

    static (Dense Delta, Dense Inputs, int Rank) Random(Random random)
    {
        var (rows, columns) = (random.Next(2, 40), random.Next(2, 40));
        return (Values(rows, columns), Values(columns, columns + 3), random.Next(1, Math.Min(rows, columns)));

        Dense Values(int height, int width) => Dense.Build.Dense(height, width, (_, _) => random.NextDouble() - .5);
    }

    static Dense Projected(Dense delta, Dense? gram, int rank)
    {
        var vectors = ToDense(LeftSingularVectors.Of(ToMatrix(delta), gram is null ? null : ToMatrix(gram), rank, default));
        return vectors.Transpose() * vectors * delta;
    }

    static double Lost(Dense delta, Dense kept, Dense inputs) => Math.Pow(((delta - kept) * inputs).FrobeniusNorm(), 2);

    static Matrix ToMatrix(Dense dense)
    {
        var matrix = new Matrix(dense.RowCount, dense.ColumnCount);
        for (var i = 0; i < dense.RowCount; i++)
            dense.Row(i).AsArray().AsSpan().CopyTo(matrix.Row(i));
        return matrix;
    }

    static Dense ToDense(Matrix matrix) => Dense.Build.Dense(matrix.Rows, matrix.Columns, (i, j) => matrix[i, j]);
}
