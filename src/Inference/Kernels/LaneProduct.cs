using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>
/// Products of sixteen responses with weights of their own, each in its lane. Sums are taken over the inputs in their order, as <see cref="MatrixProduct"/> takes
/// them: to the same bits.
/// </summary>
static unsafe class LaneProduct
{
    const int Lanes = SparseBlend.Lanes;

    /// <summary>Tokens filled up to what is multiplied at a time.</summary>
    public static int Filled(int tokens) => (tokens + 1) / 2 * 2;

    /// <summary>y = f(x·W(r)ᵀ + b(r)) for sixteen responses r.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="matrix">W and b.</param>
    /// <param name="routing">Routing weights, <c>[experts, 16]</c>.</param>
    /// <param name="x">Rows, <c>[in, tokens, 16]</c>.</param>
    /// <param name="tokens">Tokens of a response; see <see cref="Filled"/>.</param>
    /// <param name="scratch">Room for a tile and a bias for each lane.</param>
    /// <param name="y">Receives <c>[out, tokens, 16]</c>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply<TFinish>(SparseBlend matrix, float* routing, float* x, int tokens, float* scratch, float* y)
        where TFinish : IFinish
    {
        nint row = tokens * Lanes;
        var bias = scratch + SparseBlend.TileNumbers;
        matrix.BlendBias(routing, bias);
        for (int depth = 0, number = 0; depth * SparseBlend.Depth < matrix.Inputs; depth++)
        {
            var inputs = matrix.DepthOf(depth);
            var last = (depth * SparseBlend.Depth) + inputs == matrix.Inputs;
            var from = x + (depth * SparseBlend.Depth * row);
            for (var output = 0; output < matrix.FilledOutputs; output += SparseBlend.Outputs)
            {
                matrix.Blend(number++, routing, scratch);
                var to = y + (output * row);
                var start = bias + (output * Lanes);
                nint token = 0;
                for (; token + 4 <= tokens; token += 4)
                {
                    var place = token * Lanes;
                    if (depth == 0)
                        FourTokens(scratch, from + place, row, inputs, start, Lanes, 0, to + place);
                    else
                        FourTokens(scratch, from + place, row, inputs, to + place, row, Lanes, to + place);
                }
                if (token < tokens)
                {
                    var place = token * Lanes;
                    if (depth == 0)
                        TwoTokens(scratch, from + place, row, inputs, start, Lanes, 0, to + place);
                    else
                        TwoTokens(scratch, from + place, row, inputs, to + place, row, Lanes, to + place);
                }
                if (last)
                    Finish<TFinish>(to, row);
            }
        }
    }

    static void Finish<TFinish>(float* y, nint row)
        where TFinish : IFinish
    {
        if (typeof(TFinish) == typeof(Identity))
            return;
        for (var end = y + (SparseBlend.Outputs * row); y < end; y += Lanes)
            TFinish.Of(Vector512.Load(y)).Store(y);
    }

    /// <summary>Four tokens by six outputs: y = start + Σ x·w.</summary>
    /// <param name="w">The tile, <c>[in, 6, 16]</c>.</param>
    /// <param name="x">The first token's first input.</param>
    /// <param name="row">Numbers from one input, or output, to the next.</param>
    /// <param name="inputs">Number of inputs.</param>
    /// <param name="start">What the sums begin with.</param>
    /// <param name="startOutput">Numbers from one output's to the next's.</param>
    /// <param name="startToken">Numbers from one token's to the next's.</param>
    /// <param name="y">Receives the sums.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void FourTokens(float* w, float* x, nint row, int inputs, float* start, nint startOutput, nint startToken, float* y)
    {
        var (a0, a1, a2, a3) = Load(0);
        var (b0, b1, b2, b3) = Load(1);
        var (c0, c1, c2, c3) = Load(2);
        var (d0, d1, d2, d3) = Load(3);
        var (e0, e1, e2, e3) = Load(4);
        var (f0, f1, f2, f3) = Load(5);
        for (nint i = 0; i < inputs; i++, x += row, w += SparseBlend.Outputs * Lanes)
        {
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16), x2 = Vector512.Load(x + 32), x3 = Vector512.Load(x + 48);
            var weight = Vector512.Load(w);
            (a0, a1, a2, a3) = (MulAdd(weight, x0, a0), MulAdd(weight, x1, a1), MulAdd(weight, x2, a2), MulAdd(weight, x3, a3));
            weight = Vector512.Load(w + 16);
            (b0, b1, b2, b3) = (MulAdd(weight, x0, b0), MulAdd(weight, x1, b1), MulAdd(weight, x2, b2), MulAdd(weight, x3, b3));
            weight = Vector512.Load(w + 32);
            (c0, c1, c2, c3) = (MulAdd(weight, x0, c0), MulAdd(weight, x1, c1), MulAdd(weight, x2, c2), MulAdd(weight, x3, c3));
            weight = Vector512.Load(w + 48);
            (d0, d1, d2, d3) = (MulAdd(weight, x0, d0), MulAdd(weight, x1, d1), MulAdd(weight, x2, d2), MulAdd(weight, x3, d3));
            weight = Vector512.Load(w + 64);
            (e0, e1, e2, e3) = (MulAdd(weight, x0, e0), MulAdd(weight, x1, e1), MulAdd(weight, x2, e2), MulAdd(weight, x3, e3));
            weight = Vector512.Load(w + 80);
            (f0, f1, f2, f3) = (MulAdd(weight, x0, f0), MulAdd(weight, x1, f1), MulAdd(weight, x2, f2), MulAdd(weight, x3, f3));
        }
        Store(y, a0, a1, a2, a3);
        Store(y + row, b0, b1, b2, b3);
        Store(y + (2 * row), c0, c1, c2, c3);
        Store(y + (3 * row), d0, d1, d2, d3);
        Store(y + (4 * row), e0, e1, e2, e3);
        Store(y + (5 * row), f0, f1, f2, f3);

        (Vector512<float>, Vector512<float>, Vector512<float>, Vector512<float>) Load(nint output)
        {
            var from = start + (output * startOutput);
            return (
                Vector512.Load(from), Vector512.Load(from + startToken), Vector512.Load(from + (2 * startToken)), Vector512.Load(from + (3 * startToken)));
        }

        static void Store(float* y, Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
        {
            a.Store(y);
            b.Store(y + 16);
            c.Store(y + 32);
            d.Store(y + 48);
        }
    }

    /// <summary>The same for two tokens.</summary>
    /// <inheritdoc cref="FourTokens"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void TwoTokens(float* w, float* x, nint row, int inputs, float* start, nint startOutput, nint startToken, float* y)
    {
        Vector512<float> a0 = Load(0, 0), a1 = Load(0, 1), b0 = Load(1, 0), b1 = Load(1, 1), c0 = Load(2, 0), c1 = Load(2, 1);
        Vector512<float> d0 = Load(3, 0), d1 = Load(3, 1), e0 = Load(4, 0), e1 = Load(4, 1), f0 = Load(5, 0), f1 = Load(5, 1);
        for (nint i = 0; i < inputs; i++, x += row, w += SparseBlend.Outputs * Lanes)
        {
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16);
            var weight = Vector512.Load(w);
            (a0, a1) = (MulAdd(weight, x0, a0), MulAdd(weight, x1, a1));
            weight = Vector512.Load(w + 16);
            (b0, b1) = (MulAdd(weight, x0, b0), MulAdd(weight, x1, b1));
            weight = Vector512.Load(w + 32);
            (c0, c1) = (MulAdd(weight, x0, c0), MulAdd(weight, x1, c1));
            weight = Vector512.Load(w + 48);
            (d0, d1) = (MulAdd(weight, x0, d0), MulAdd(weight, x1, d1));
            weight = Vector512.Load(w + 64);
            (e0, e1) = (MulAdd(weight, x0, e0), MulAdd(weight, x1, e1));
            weight = Vector512.Load(w + 80);
            (f0, f1) = (MulAdd(weight, x0, f0), MulAdd(weight, x1, f1));
        }
        Store(y, a0, a1);
        Store(y + row, b0, b1);
        Store(y + (2 * row), c0, c1);
        Store(y + (3 * row), d0, d1);
        Store(y + (4 * row), e0, e1);
        Store(y + (5 * row), f0, f1);

        Vector512<float> Load(nint output, nint token) => Vector512.Load(start + (output * startOutput) + (token * startToken));

        static void Store(float* y, Vector512<float> a, Vector512<float> b)
        {
            a.Store(y);
            b.Store(y + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> MulAdd(Vector512<float> weight, Vector512<float> x, Vector512<float> sum) => Vector512.FusedMultiplyAdd(weight, x, sum);
}
