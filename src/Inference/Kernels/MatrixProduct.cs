using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>
/// Products of rows with packed matrices. Every sum is taken over the inputs in their order, one fused multiply-add after the other, whatever rows are
/// multiplied beside it: a row's result has the same bits in every batch.
/// </summary>
/// <remarks>
/// The floor is one multiply-add for each weight and row. Eight rows by 48 outputs are summed up in 24 registers, so that a step of 24 multiply-adds reads three
/// vectors of weights and eight numbers. The kernels are compiled with all care at once: a service has no time to find out that they are hot.
/// </remarks>
static unsafe class MatrixProduct
{
    /// <summary>Rows that are summed up at a time.</summary>
    public const int RowsAtATime = 8;

    // Numbers of the rows that stay in the second-level cache while all panels pass by.
    const int BlockNumbers = 1 << 15;

    /// <summary>y = f(x·Wᵀ + b) for all rows.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="x">Rows, <c>[rows, in]</c>, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Numbers from one row of x to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="matrix">W and b.</param>
    /// <param name="y">Receives <c>[rows, out]</c>, filled up to whole panels.</param>
    /// <param name="yStride">Numbers from one row of y to the next; at least <see cref="PackedMatrix.Stride"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TFinish>(float* x, int xStride, int rows, PackedMatrix matrix, float* y, int yStride)
        where TFinish : IFinish
    {
        var block = Math.Max(1, BlockNumbers / matrix.Inputs / RowsAtATime) * RowsAtATime;
        for (var first = 0; first < rows; first += block)
        {
            var end = Math.Min(rows, first + block);
            for (var panel = 0; panel < matrix.Panels; panel++)
            {
                var column = panel * PackedMatrix.Width;
                for (var row = first; row < end; row += RowsAtATime)
                {
                    var valid = Math.Min(RowsAtATime, end - row);
                    var to = y + ((nint)row * yStride) + column;
                    Sum(new(x + ((nint)row * xStride), xStride, matrix.Panel(panel), matrix.Inputs), default, matrix.Bias + column, valid, to, yStride);
                    Finish<TFinish>(to, yStride, valid);
                }
            }
        }
    }

    /// <summary>Applies f to a tile of 48 outputs that was just written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Finish<TFinish>(float* y, nint yStride, int rows)
        where TFinish : IFinish
    {
        if (typeof(TFinish) == typeof(Identity))
            return;
        for (var row = 0; row < rows; row++, y += yStride)
        {
            TFinish.Of(Vector512.Load(y)).Store(y);
            TFinish.Of(Vector512.Load(y + 16)).Store(y + 16);
            TFinish.Of(Vector512.Load(y + 32)).Store(y + 32);
        }
    }

    /// <summary>Up to eight rows by one panel: y = start + x₁·P₁ + x₂·P₂.</summary>
    /// <param name="one">x₁ and P₁; summed up last.</param>
    /// <param name="two">x₂ and P₂; of depth 0 where there is none.</param>
    /// <param name="start">What every row's sum begins with, 48 numbers; null to go on from what y holds.</param>
    /// <param name="rows">1 to 8.</param>
    /// <param name="y">Receives <c>[rows, 48]</c>.</param>
    /// <param name="yStride">Numbers from one row of y to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Sum(Factors one, Factors two, float* start, int rows, float* y, nint yStride)
    {
        if (rows <= 4)
        {
            SumFour(one, two, start, rows, y, yStride);
            return;
        }
        // A row beyond the last one is the last one again, and is not stored.
        nint r1 = Math.Min(1, rows - 1), r2 = Math.Min(2, rows - 1), r3 = Math.Min(3, rows - 1), r4 = Math.Min(4, rows - 1);
        nint r5 = Math.Min(5, rows - 1), r6 = Math.Min(6, rows - 1), r7 = Math.Min(7, rows - 1);
        Vector512<float> y00, y01, y02, y10, y11, y12, y20, y21, y22, y30, y31, y32, y40, y41, y42, y50, y51, y52, y60, y61, y62, y70, y71, y72;
        if (start is not null)
        {
            y00 = y10 = y20 = y30 = y40 = y50 = y60 = y70 = Vector512.Load(start);
            y01 = y11 = y21 = y31 = y41 = y51 = y61 = y71 = Vector512.Load(start + 16);
            y02 = y12 = y22 = y32 = y42 = y52 = y62 = y72 = Vector512.Load(start + 32);
        }
        else
        {
            (y00, y01, y02) = Load(y);
            (y10, y11, y12) = Load(y + (r1 * yStride));
            (y20, y21, y22) = Load(y + (r2 * yStride));
            (y30, y31, y32) = Load(y + (r3 * yStride));
            (y40, y41, y42) = Load(y + (r4 * yStride));
            (y50, y51, y52) = Load(y + (r5 * yStride));
            (y60, y61, y62) = Load(y + (r6 * yStride));
            (y70, y71, y72) = Load(y + (r7 * yStride));
        }

        for (var factors = two; ; factors = one)
        {
            nint depth = factors.Depth;
            float* x0 = factors.X, panel = factors.Panel;
            float* x1 = x0 + (r1 * factors.Stride), x2 = x0 + (r2 * factors.Stride), x3 = x0 + (r3 * factors.Stride), x4 = x0 + (r4 * factors.Stride);
            float* x5 = x0 + (r5 * factors.Stride), x6 = x0 + (r6 * factors.Stride), x7 = x0 + (r7 * factors.Stride);
            for (nint i = 0; i < depth; i++)
            {
                Vector512<float> w0 = Vector512.Load(panel), w1 = Vector512.Load(panel + 16), w2 = Vector512.Load(panel + 32);
                panel += PackedMatrix.Width;
                var x = Vector512.Create(x0[i]);
                (y00, y01, y02) = (MulAdd(x, w0, y00), MulAdd(x, w1, y01), MulAdd(x, w2, y02));
                x = Vector512.Create(x1[i]);
                (y10, y11, y12) = (MulAdd(x, w0, y10), MulAdd(x, w1, y11), MulAdd(x, w2, y12));
                x = Vector512.Create(x2[i]);
                (y20, y21, y22) = (MulAdd(x, w0, y20), MulAdd(x, w1, y21), MulAdd(x, w2, y22));
                x = Vector512.Create(x3[i]);
                (y30, y31, y32) = (MulAdd(x, w0, y30), MulAdd(x, w1, y31), MulAdd(x, w2, y32));
                x = Vector512.Create(x4[i]);
                (y40, y41, y42) = (MulAdd(x, w0, y40), MulAdd(x, w1, y41), MulAdd(x, w2, y42));
                x = Vector512.Create(x5[i]);
                (y50, y51, y52) = (MulAdd(x, w0, y50), MulAdd(x, w1, y51), MulAdd(x, w2, y52));
                x = Vector512.Create(x6[i]);
                (y60, y61, y62) = (MulAdd(x, w0, y60), MulAdd(x, w1, y61), MulAdd(x, w2, y62));
                x = Vector512.Create(x7[i]);
                (y70, y71, y72) = (MulAdd(x, w0, y70), MulAdd(x, w1, y71), MulAdd(x, w2, y72));
            }
            if (factors.Panel == one.Panel)
                break;
        }

        Store(y, y00, y01, y02);
        if (rows > 1)
            Store(y + yStride, y10, y11, y12);
        if (rows > 2)
            Store(y + (2 * yStride), y20, y21, y22);
        if (rows > 3)
            Store(y + (3 * yStride), y30, y31, y32);
        if (rows > 4)
            Store(y + (4 * yStride), y40, y41, y42);
        if (rows > 5)
            Store(y + (5 * yStride), y50, y51, y52);
        if (rows > 6)
            Store(y + (6 * yStride), y60, y61, y62);
        if (rows > 7)
            Store(y + (7 * yStride), y70, y71, y72);
    }

    /// <summary>The same for up to four rows, in half the time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void SumFour(Factors one, Factors two, float* start, int rows, float* y, nint yStride)
    {
        nint r1 = Math.Min(1, rows - 1), r2 = Math.Min(2, rows - 1), r3 = Math.Min(3, rows - 1);
        Vector512<float> y00, y01, y02, y10, y11, y12, y20, y21, y22, y30, y31, y32;
        if (start is not null)
        {
            y00 = y10 = y20 = y30 = Vector512.Load(start);
            y01 = y11 = y21 = y31 = Vector512.Load(start + 16);
            y02 = y12 = y22 = y32 = Vector512.Load(start + 32);
        }
        else
        {
            (y00, y01, y02) = Load(y);
            (y10, y11, y12) = Load(y + (r1 * yStride));
            (y20, y21, y22) = Load(y + (r2 * yStride));
            (y30, y31, y32) = Load(y + (r3 * yStride));
        }

        for (var factors = two; ; factors = one)
        {
            nint depth = factors.Depth;
            float* x0 = factors.X, panel = factors.Panel;
            float* x1 = x0 + (r1 * factors.Stride), x2 = x0 + (r2 * factors.Stride), x3 = x0 + (r3 * factors.Stride);
            for (nint i = 0; i < depth; i++)
            {
                Vector512<float> w0 = Vector512.Load(panel), w1 = Vector512.Load(panel + 16), w2 = Vector512.Load(panel + 32);
                panel += PackedMatrix.Width;
                var x = Vector512.Create(x0[i]);
                (y00, y01, y02) = (MulAdd(x, w0, y00), MulAdd(x, w1, y01), MulAdd(x, w2, y02));
                x = Vector512.Create(x1[i]);
                (y10, y11, y12) = (MulAdd(x, w0, y10), MulAdd(x, w1, y11), MulAdd(x, w2, y12));
                x = Vector512.Create(x2[i]);
                (y20, y21, y22) = (MulAdd(x, w0, y20), MulAdd(x, w1, y21), MulAdd(x, w2, y22));
                x = Vector512.Create(x3[i]);
                (y30, y31, y32) = (MulAdd(x, w0, y30), MulAdd(x, w1, y31), MulAdd(x, w2, y32));
            }
            if (factors.Panel == one.Panel)
                break;
        }

        Store(y, y00, y01, y02);
        if (rows > 1)
            Store(y + yStride, y10, y11, y12);
        if (rows > 2)
            Store(y + (2 * yStride), y20, y21, y22);
        if (rows > 3)
            Store(y + (3 * yStride), y30, y31, y32);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> MulAdd(Vector512<float> x, Vector512<float> weight, Vector512<float> sum) => Vector512.FusedMultiplyAdd(x, weight, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static (Vector512<float>, Vector512<float>, Vector512<float>) Load(float* y) => (Vector512.Load(y), Vector512.Load(y + 16), Vector512.Load(y + 32));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(float* y, Vector512<float> a, Vector512<float> b, Vector512<float> c)
    {
        a.Store(y);
        b.Store(y + 16);
        c.Store(y + 32);
    }
}

/// <summary>Rows and the panel they are multiplied with.</summary>
/// <param name="x">The first row.</param>
/// <param name="stride">Numbers from one row to the next.</param>
/// <param name="panel">The panel, <c>[depth, 48]</c>.</param>
/// <param name="depth">Length of a row.</param>
readonly unsafe struct Factors(float* x, int stride, float* panel, int depth)
{
    public float* X { get; } = x;

    public int Stride { get; } = stride;

    public float* Panel { get; } = panel;

    public int Depth { get; } = depth;
}

/// <summary>What becomes of a sum before it is used.</summary>
interface IFinish
{
    static abstract Vector512<float> Of(Vector512<float> sum);
}

/// <summary>The sum itself.</summary>
readonly struct Identity : IFinish
{
    public static Vector512<float> Of(Vector512<float> sum) => sum;
}

/// <summary>GELU of the sum.</summary>
readonly struct Gelu : IFinish
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> sum) => VectorMath.Gelu(sum);
}

/// <summary>max(sum, 0).</summary>
readonly struct Relu : IFinish
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> sum) => Vector512.Max(sum, Vector512<float>.Zero);
}
