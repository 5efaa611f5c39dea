using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Kernels;

/// <summary>
/// The weights of one or more linear layers in eight bits, one scale for each output, and their product with rows in eight bits, one scale for each row. A row's
/// scale follows from that row alone, and sums of integers are exact: a row's result has the same bits in every batch, and on every processor.
/// </summary>
/// <remarks>Panels of 24 outputs; in each, four inputs of the first output side by side, then those of the second, as the processor's dot product reads them.</remarks>
sealed unsafe class QuantizedMatrix : IDisposable
{
    const int Width = 24;
    const int Together = 4;
    const int RowsAtATime = 4;
    const int Largest = 127;
    const int Steps = 255;

    // Bytes of the rows that stay in the second-level cache while all panels pass by.
    const int BlockBytes = 1 << 17;

    readonly int inputs;
    readonly int panels;
    readonly NativeArray<sbyte> weights;
    readonly NativeArray<float> scales;
    readonly NativeArray<float> bias;
    // Sum of each output's weights: what a row's zero, which is no byte of value 0, adds for each step.
    readonly NativeArray<int> sums;

    /// <summary>Rounds linear layers and packs them one after the other.</summary>
    /// <param name="layers">Weights <c>[out, in]</c>, biases <c>[out]</c>, and what both are multiplied by.</param>
    public QuantizedMatrix(params ReadOnlySpan<(Tensor Weight, Tensor Bias, float Scale)> layers)
    {
        inputs = layers[0].Weight.Shape[1];
        ArgumentOutOfRangeException.ThrowIfNotEqual(inputs % Together, 0, nameof(layers));
        var outputs = 0;
        foreach (var layer in layers)
            outputs += layer.Bias.Length;
        Stride = PackedMatrix.StrideOf(outputs);
        panels = Stride / Width;
        (weights, scales, bias, sums) = (new((long)Stride * inputs), new(Stride), new(Stride), new(Stride));
        for (var panel = 0; panel < panels; panel++)
            weights.Span((long)panel * inputs * Width, inputs * Width).Clear();
        scales.Span(0, Stride).Clear();
        bias.Span(0, Stride).Clear();
        sums.Span(0, Stride).Clear();

        var output = 0;
        foreach (var (weight, offset, scale) in layers)
        {
            for (var row = 0; row < offset.Length; row++, output++)
            {
                bias.Start[output] = offset.Values[row] * scale;
                Round(weight.Values.AsSpan(row * inputs, inputs), scale, output);
            }
        }
    }

    /// <summary>Numbers from one row of the result to the next.</summary>
    public int Stride { get; }

    /// <summary>Bytes of a row that goes in.</summary>
    public int RowBytes => inputs;

    /// <summary>Rounds rows to eight bits: 255 steps from a row's smallest number, or zero, to its largest, or zero; zero itself stays exact.</summary>
    /// <param name="x">Rows, <c>[rows, in]</c>, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Numbers from one row of x to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="rounded">Receives <c>[rows, in]</c>.</param>
    /// <param name="scales">Receives what a step of each row is worth, and which byte is its zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Quantize(float* x, int xStride, int rows, byte* rounded, RowScale* scales)
    {
        for (var row = 0; row < rows; row++, x += xStride, rounded += inputs)
        {
            Vector512<float> largest = Vector512<float>.Zero, smallest = Vector512<float>.Zero;
            for (var i = 0; i < inputs; i += Vector512<float>.Count)
            {
                var numbers = Vector512.Load(x + i);
                (largest, smallest) = (Vector512.Max(largest, numbers), Vector512.Min(smallest, numbers));
            }
            var (top, bottom) = (VectorMath.Largest(largest), -VectorMath.Largest(-smallest));
            var range = top - bottom;
            var perNumber = range > 0 ? Steps / range : 0;
            var zero = (int)MathF.Round(-bottom * perNumber);
            scales[row] = new(range / Steps, zero);
            var (steps, zeros) = (Vector512.Create(perNumber), Vector512.Create(zero));
            for (var i = 0; i < inputs; i += Vector512<float>.Count)
                Bytes(Vector512.Max(Nearest(Vector512.Load(x + i) * steps) + zeros, Vector512<int>.Zero)).Store(rounded + i);
        }
    }

    /// <summary>y = f(x·Wᵀ + b) of rows in eight bits.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="x">Rows as <see cref="Quantize"/> gives them.</param>
    /// <param name="rowScales">Their scales.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="y">Receives <c>[rows, out]</c>, <see cref="Stride"/> apart.</param>
    public void Multiply<TFinish>(byte* x, RowScale* rowScales, int rows, float* y)
        where TFinish : IFinish
    {
        var block = Math.Max(1, BlockBytes / inputs / RowsAtATime) * RowsAtATime;
        for (var first = 0; first < rows; first += block)
        {
            var end = Math.Min(rows, first + block);
            for (var panel = 0; panel < panels; panel += PackedMatrix.Width / Width)
            {
                for (var half = panel; half < panel + (PackedMatrix.Width / Width); half++)
                {
                    for (var row = first; row < end; row += RowsAtATime)
                    {
                        var to = y + ((nint)row * Stride) + (half * Width);
                        Sum(x + ((nint)row * inputs), rowScales + row, Math.Min(RowsAtATime, end - row), half, to);
                    }
                }
                // Not tile by tile: a wide load of what narrow stores have just written would wait for them.
                MatrixProduct.Finish<TFinish>(y + ((nint)first * Stride) + (panel * Width), Stride, end - first);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        weights.Dispose();
        scales.Dispose();
        bias.Dispose();
        sums.Dispose();
    }

    void Round(ReadOnlySpan<float> row, float scale, int output)
    {
        var top = Math.Abs(System.Numerics.Tensors.TensorPrimitives.MaxMagnitude(row));
        scales.Start[output] = top / Largest * scale;
        var steps = top > 0 ? Largest / top : 0;
        var (panel, column) = Math.DivRem(output, Width);
        var to = weights.Start + ((nint)panel * inputs * Width) + (column * Together);
        var sum = 0;
        for (var i = 0; i < row.Length; i++)
        {
            var whole = (int)MathF.Round(row[i] * steps);
            to[((nint)(i / Together) * Width * Together) + (i % Together)] = (sbyte)whole;
            sum += whole;
        }
        sums.Start[output] = sum;
    }

    // Left to tiered compilation: compiled with all care at once, the loop keeps sums in memory and takes nearly three times as long.
    [MethodImpl(MethodImplOptions.NoInlining)]
    void Sum(byte* x, RowScale* rowScales, int rows, int panel, float* y)
    {
        // A row beyond the last one is the last one again, and is not stored.
        nint r1 = Math.Min(1, rows - 1), r2 = Math.Min(2, rows - 1), r3 = Math.Min(3, rows - 1);
        int* x0 = (int*)x, x1 = (int*)(x + (r1 * inputs)), x2 = (int*)(x + (r2 * inputs)), x3 = (int*)(x + (r3 * inputs));
        // Every sum begins with what takes off the row's zero.
        var sum = sums.Start + (panel * Width);
        Vector256<int> sum0 = Vector256.Load(sum), sum1 = Vector256.Load(sum + 8), sum2 = Vector256.Load(sum + 16);
        int zero0 = -rowScales[0].Zero, zero1 = -rowScales[r1].Zero, zero2 = -rowScales[r2].Zero, zero3 = -rowScales[r3].Zero;
        Vector256<int> y00 = sum0 * zero0, y01 = sum1 * zero0, y02 = sum2 * zero0, y10 = sum0 * zero1, y11 = sum1 * zero1, y12 = sum2 * zero1;
        Vector256<int> y20 = sum0 * zero2, y21 = sum1 * zero2, y22 = sum2 * zero2, y30 = sum0 * zero3, y31 = sum1 * zero3, y32 = sum2 * zero3;
        var weight = weights.Start + ((nint)panel * inputs * Width);
        nint depth = inputs / Together;
        for (nint i = 0; i < depth; i++)
        {
            Vector256<sbyte> w0 = Vector256.Load(weight), w1 = Vector256.Load(weight + 32), w2 = Vector256.Load(weight + 64);
            weight += Width * Together;
            var four = Vector256.Create(x0[i]).AsByte();
            y00 = DotAdd(y00, four, w0);
            y01 = DotAdd(y01, four, w1);
            y02 = DotAdd(y02, four, w2);
            four = Vector256.Create(x1[i]).AsByte();
            y10 = DotAdd(y10, four, w0);
            y11 = DotAdd(y11, four, w1);
            y12 = DotAdd(y12, four, w2);
            four = Vector256.Create(x2[i]).AsByte();
            y20 = DotAdd(y20, four, w0);
            y21 = DotAdd(y21, four, w1);
            y22 = DotAdd(y22, four, w2);
            four = Vector256.Create(x3[i]).AsByte();
            y30 = DotAdd(y30, four, w0);
            y31 = DotAdd(y31, four, w1);
            y32 = DotAdd(y32, four, w2);
        }
        Store(y, y00, y01, y02, rowScales[0].Step, panel);
        if (rows > 1)
            Store(y + Stride, y10, y11, y12, rowScales[1].Step, panel);
        if (rows > 2)
            Store(y + (2 * Stride), y20, y21, y22, rowScales[2].Step, panel);
        if (rows > 3)
            Store(y + (3 * Stride), y30, y31, y32, rowScales[3].Step, panel);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void Store(float* y, Vector256<int> a, Vector256<int> b, Vector256<int> c, float step, int panel)
    {
        float* scale = scales.Start + (panel * Width), offset = bias.Start + (panel * Width);
        Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(a), Vector256.Load(scale) * step, Vector256.Load(offset)).Store(y);
        Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(b), Vector256.Load(scale + 8) * step, Vector256.Load(offset + 8)).Store(y + 8);
        Vector256.FusedMultiplyAdd(Vector256.ConvertToSingle(c), Vector256.Load(scale + 16) * step, Vector256.Load(offset + 16)).Store(y + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<int> Nearest(Vector512<float> x) =>
        Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(x) : Vector512.ConvertToInt32Native(Vector512.Round(x));

    /// <summary>Whole numbers of zero or more as bytes; rounding zero itself may have pushed the last step over the edge, to 256.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<byte> Bytes(Vector512<int> whole)
    {
        if (Avx512F.IsSupported)
            return Avx512F.ConvertToVector128ByteWithSaturation(whole.AsUInt32());
        whole = Vector512.Min(whole, Vector512.Create(Steps));
        var words = Vector256.Narrow(whole.GetLower().AsUInt32(), whole.GetUpper().AsUInt32());
        return Vector128.Narrow(words.GetLower(), words.GetUpper());
    }

    /// <summary>Adds the products of four unsigned with four signed bytes to each sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> DotAdd(Vector256<int> sum, Vector256<byte> x, Vector256<sbyte> weight)
    {
        if (AvxVnni.IsSupported)
            return AvxVnni.MultiplyWideningAndAdd(sum, x, weight);
        // Even and odd bytes as sixteen-bit numbers; their products in pairs cannot overflow 32 bits.
        var (evenX, oddX) = (x.AsInt16() & Vector256.Create((short)0xff), Vector256.ShiftRightLogical(x.AsInt16(), 8));
        var (evenW, oddW) = (Vector256.ShiftRightArithmetic(weight.AsInt16() << 8, 8), Vector256.ShiftRightArithmetic(weight.AsInt16(), 8));
        return sum + Pairs(evenX, evenW) + Pairs(oddX, oddW);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Pairs(Vector256<short> x, Vector256<short> weight)
    {
        if (Avx2.IsSupported)
            return Avx2.MultiplyAddAdjacent(x, weight);
        var (evenX, oddX) = (Vector256.ShiftRightArithmetic(x.AsInt32() << 16, 16), Vector256.ShiftRightArithmetic(x.AsInt32(), 16));
        var (evenW, oddW) = (Vector256.ShiftRightArithmetic(weight.AsInt32() << 16, 16), Vector256.ShiftRightArithmetic(weight.AsInt32(), 16));
        return (evenX * evenW) + (oddX * oddW);
    }
}

/// <summary>How a row lies in eight bits.</summary>
/// <param name="Step">What a step is worth.</param>
/// <param name="Zero">The byte that stands for zero, 0 to 255.</param>
readonly record struct RowScale(float Step, int Zero);
