using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Merging.Alignment;

/// <summary>A dense matrix in fp64, row-major.</summary>
/// <param name="rows">Number of rows, at least 1.</param>
/// <param name="columns">Number of columns, at least 1.</param>
public sealed class Matrix(int rows, int columns)
{
    const int TileRows = 4;
    const int TileVectors = 3;

    static int TileColumns => TileVectors * Vector512<double>.Count;

    readonly double[] values = new double[checked(rows * columns)];

    /// <summary>Number of rows.</summary>
    public int Rows => rows;

    /// <summary>Number of columns.</summary>
    public int Columns => columns;

    /// <summary>All values, row after row: <c>[rows · columns]</c>.</summary>
    public Span<double> Values => values;

    /// <summary>One row: <c>[columns]</c>.</summary>
    public Span<double> Row(int row) => values.AsSpan(row * columns, columns);

    /// <summary>One value.</summary>
    public ref double this[int row, int column] => ref Row(row)[column];

    /// <summary>The same values with rows and columns exchanged.</summary>
    public Matrix Transposed()
    {
        var transposed = new Matrix(columns, rows);
        for (var i = 0; i < rows; i++)
        {
            var row = Row(i);
            for (var j = 0; j < row.Length; j++)
                transposed.values[(j * rows) + i] = row[j];
        }
        return transposed;
    }

    /// <summary>Writes <c>left · right</c> into <paramref name="product"/>, which must be another matrix than both.</summary>
    /// <remarks>
    /// Every element is summed along the inner dimension in the same order, so equal rows give equal bits and X·Xᵀ is exactly symmetric.
    /// </remarks>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static void Multiply(Matrix left, Matrix right, Matrix product)
    {
        if (left.Columns != right.Rows || product.Rows != left.Rows || product.Columns != right.Columns)
        {
            throw new ArgumentException(
                $"[{left.Rows},{left.Columns}] · [{right.Rows},{right.Columns}] does not give [{product.Rows},{product.Columns}].", nameof(product));
        }
        var panel = ArrayPool<double>.Shared.Rent(right.Rows * TileColumns);
        for (var column = 0; column < right.Columns; column += TileColumns)
        {
            var width = Math.Min(TileColumns, right.Columns - column);
            Pack(right, column, width, panel);
            for (var row = 0; row < left.Rows; row += TileRows)
                MultiplyTile(left, panel, product, row, column, width);
        }
        ArrayPool<double>.Shared.Return(panel);
    }

    static void Pack(Matrix right, int column, int width, double[] panel)
    {
        for (var k = 0; k < right.Rows; k++)
        {
            var line = panel.AsSpan(k * TileColumns, TileColumns);
            right.Row(k).Slice(column, width).CopyTo(line);
            line[width..].Clear();
        }
    }

    static void MultiplyTile(Matrix left, double[] panel, Matrix product, int row, int column, int width)
    {
        // Beyond the last row a tile repeats it: the same values are written twice, and no second kernel is needed.
        var last = left.Rows - 1;
        int i0 = row, i1 = Math.Min(row + 1, last), i2 = Math.Min(row + 2, last), i3 = Math.Min(row + 3, last);
        ref var a0 = ref MemoryMarshal.GetReference(left.Row(i0));
        ref var a1 = ref MemoryMarshal.GetReference(left.Row(i1));
        ref var a2 = ref MemoryMarshal.GetReference(left.Row(i2));
        ref var a3 = ref MemoryMarshal.GetReference(left.Row(i3));
        ref var b = ref MemoryMarshal.GetArrayDataReference(panel);
        Vector512<double> c00 = default, c01 = default, c02 = default, c10 = default, c11 = default, c12 = default;
        Vector512<double> c20 = default, c21 = default, c22 = default, c30 = default, c31 = default, c32 = default;
        nuint vector = (nuint)Vector512<double>.Count, offset = 0;
        for (var k = 0; k < left.Columns; k++, offset += TileVectors * vector)
        {
            var b0 = Vector512.LoadUnsafe(ref b, offset);
            var b1 = Vector512.LoadUnsafe(ref b, offset + vector);
            var b2 = Vector512.LoadUnsafe(ref b, offset + (2 * vector));
            var a = Vector512.Create(Unsafe.Add(ref a0, k));
            c00 = Vector512.FusedMultiplyAdd(a, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(a, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(a, b2, c02);
            a = Vector512.Create(Unsafe.Add(ref a1, k));
            c10 = Vector512.FusedMultiplyAdd(a, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(a, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(a, b2, c12);
            a = Vector512.Create(Unsafe.Add(ref a2, k));
            c20 = Vector512.FusedMultiplyAdd(a, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(a, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(a, b2, c22);
            a = Vector512.Create(Unsafe.Add(ref a3, k));
            c30 = Vector512.FusedMultiplyAdd(a, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(a, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(a, b2, c32);
        }
        Store(product.Row(i0).Slice(column, width), c00, c01, c02);
        Store(product.Row(i1).Slice(column, width), c10, c11, c12);
        Store(product.Row(i2).Slice(column, width), c20, c21, c22);
        Store(product.Row(i3).Slice(column, width), c30, c31, c32);
    }

    static void Store(Span<double> target, Vector512<double> first, Vector512<double> second, Vector512<double> third)
    {
        Span<double> tile = stackalloc double[TileColumns];
        first.CopyTo(tile);
        second.CopyTo(tile[Vector512<double>.Count..]);
        third.CopyTo(tile[(2 * Vector512<double>.Count)..]);
        tile[..target.Length].CopyTo(target);
    }
}
