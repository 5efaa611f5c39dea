using System.Numerics.Tensors;
using MathNet.Numerics.LinearAlgebra;
using Matrix = ScoringService.Merging.Alignment.Matrix;

namespace ScoringService.Merging.Methods;

/// <summary>
/// The leading left singular vectors of Δ·L, where G = L·Lᵀ is the Gram matrix of the inputs that Δ is applied to; of Δ itself without one. Projecting Δ onto them,
/// P·Pᵀ·Δ, is the closest matrix of that rank: in what it makes of the inputs, or in its values.
/// </summary>
static class LeftSingularVectors
{
    // A block somewhat larger than asked for converges fast even where singular values lie close together (Halko, Martinsson and Tropp 2011).
    const int Oversampling = 8;
    const int Iterations = 10;

    /// <summary>Finds them by subspace iteration on Δ·G·Δᵀ, which is never formed.</summary>
    /// <param name="delta">Δ, <c>[out, in]</c>.</param>
    /// <param name="gram">G, <c>[in, in]</c>; null for the identity.</param>
    /// <param name="rank">How many, at most the smaller side of Δ.</param>
    /// <param name="stop">Ends the search between two steps.</param>
    /// <returns>One a row, orthonormal, the leading first: <c>[rank, out]</c>.</returns>
    public static Matrix Of(Matrix delta, Matrix? gram, int rank, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rank, Math.Min(delta.Rows, delta.Columns));
        var block = Math.Min(rank + Oversampling, Math.Min(delta.Rows, delta.Columns));
        var transposed = delta.Transposed();
        var basis = new Matrix(block, delta.Rows);
        var random = new Random(0);
        foreach (ref var value in basis.Values)
            value = random.NextDouble() - .5;
        Orthonormalize(basis);
        for (var i = 0; i < Iterations; i++)
        {
            stop.ThrowIfCancellationRequested();
            basis = Product(Weighted(Product(basis, delta), gram), transposed);
            Orthonormalize(basis);
        }

        // Within the subspace, the small eigenproblem sorts the directions (Rayleigh-Ritz).
        var images = Product(basis, delta);
        var energy = Product(Weighted(images, gram), images.Transposed());
        var eigen = Matrix<double>.Build.Dense(block, block, (i, j) => (energy[i, j] + energy[j, i]) / 2).Evd(Symmetricity.Symmetric);
        var leading = new Matrix(rank, block);
        for (var i = 0; i < rank; i++)
        {
            for (var j = 0; j < block; j++)
                leading[i, j] = eigen.EigenVectors[j, block - 1 - i];
        }
        return Product(leading, basis);
    }

    static Matrix Weighted(Matrix rows, Matrix? gram) => gram is null ? rows : Product(rows, gram);

    static Matrix Product(Matrix left, Matrix right)
    {
        var product = new Matrix(left.Rows, right.Columns);
        Matrix.Multiply(left, right, product);
        return product;
    }

    /// <summary>Gram-Schmidt, twice, because once leaves rounding behind. A row that depends on those before it becomes zero.</summary>
    static void Orthonormalize(Matrix rows)
    {
        for (var i = 0; i < rows.Rows; i++)
        {
            var row = rows.Row(i);
            var before = TensorPrimitives.Norm<double>(row);
            for (var pass = 0; pass < 2; pass++)
            {
                for (var j = 0; j < i; j++)
                    TensorPrimitives.MultiplyAdd(rows.Row(j), -TensorPrimitives.Dot<double>(rows.Row(j), row), row, row);
            }
            var norm = TensorPrimitives.Norm<double>(row);
            if (norm > 1e-12 * before)
                TensorPrimitives.Divide(row, norm, row);
            else
                row.Clear();
        }
    }
}
