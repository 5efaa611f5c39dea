using System.Numerics.Tensors;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Methods;

/// <summary>Cholesky factor L of a symmetric positive definite matrix, A = L·Lᵀ, in fp64.</summary>
sealed class Cholesky
{
    /// <summary>Rows that are worked on together while a row of L is at hand: they and it fit the second-level cache.</summary>
    const int Block = 8;

    readonly Matrix lower;

    Cholesky(Matrix lower) => this.lower = lower;

    /// <summary>Factors a matrix.</summary>
    /// <param name="matrix">A, of which the lower triangle is read. It is left as it was.</param>
    /// <param name="tolerance">
    /// Smallest share of a diagonal element that may remain once the rows above are eliminated; below it the matrix counts as singular.
    /// </param>
    /// <returns>Null if the matrix is not positive definite, by a margin of <paramref name="tolerance"/>.</returns>
    public static Cholesky? Factor(Matrix matrix, double tolerance)
    {
        var lower = new Matrix(matrix.Rows, matrix.Rows);
        // Rows of a block take from every earlier row in turn, which is then read from memory once for all of them.
        for (var start = 0; start < matrix.Rows; start += Block)
        {
            var end = Math.Min(start + Block, matrix.Rows);
            for (var row = start; row < end; row++)
                matrix.Row(row)[..(row + 1)].CopyTo(lower.Row(row));
            for (var column = 0; column < end; column++)
            {
                var pivotRow = lower.Row(column);
                for (var row = Math.Max(start, column); row < end; row++)
                {
                    var values = lower.Row(row);
                    var rest = values[column] - TensorPrimitives.Dot<double>(values[..column], pivotRow[..column]);
                    if (row > column)
                        values[column] = rest / pivotRow[column];
                    else if (rest > tolerance * matrix[column, column])
                        values[column] = Math.Sqrt(rest);
                    else
                        return null;
                }
            }
        }
        return new(lower);
    }

    /// <summary>A row of L up to its diagonal.</summary>
    public ReadOnlySpan<double> Row(int row) => lower.Row(row)[..(row + 1)];

    /// <summary>Solves X·A = B for the rows of X.</summary>
    /// <param name="rows">B, <c>[any, size]</c>; receives X.</param>
    public void SolveRows(Matrix rows)
    {
        for (var start = 0; start < rows.Rows; start += Block)
        {
            var end = Math.Min(start + Block, rows.Rows);
            for (var i = 0; i < lower.Rows; i++)
            {
                var factor = lower.Row(i);
                for (var r = start; r < end; r++)
                {
                    var row = rows.Row(r);
                    row[i] = (row[i] - TensorPrimitives.Dot<double>(row[..i], factor[..i])) / factor[i];
                }
            }
            for (var i = lower.Rows - 1; i >= 0; i--)
            {
                var factor = lower.Row(i);
                for (var r = start; r < end; r++)
                {
                    var row = rows.Row(r);
                    row[i] /= factor[i];
                    TensorPrimitives.MultiplyAdd(factor[..i], -row[i], row[..i], row[..i]);
                }
            }
        }
    }
}
