using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>Self-attention within one response: softmax(q·kᵀ)·v for every head; q comes already divided by √d. Nothing is padded.</summary>
/// <remarks>
/// Sixteen queries lie side by side in a vector, a row of scores for each key: the softmax of all sixteen needs no sum across a vector. Keys and values are read
/// where they are.
/// </remarks>
static unsafe class SelfAttention
{
    const int Lanes = 16;
    const int RowsAtATime = 8;

    /// <summary>Numbers of scratch memory that a response of that many tokens needs.</summary>
    public static int Scratch(int tokens, int headSize) => Lanes * (headSize + tokens + RowsAtATime);

    /// <summary>Attends within a response.</summary>
    /// <param name="projections">Query, key and value of every token side by side, <c>[tokens, 3·heads·headSize]</c>.</param>
    /// <param name="stride">Numbers from one token's projections to the next's.</param>
    /// <param name="tokens">Tokens of the response.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="headSize">Width of a head; a multiple of sixteen.</param>
    /// <param name="attended">Receives <c>[tokens, heads·headSize]</c>.</param>
    /// <param name="attendedStride">Numbers from one row of it to the next.</param>
    /// <param name="scratch">Memory, see <see cref="Scratch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Attend(
        float* projections, int stride, int tokens, int heads, int headSize, float* attended, int attendedStride, float* scratch)
    {
        float* inverse = stackalloc float[Lanes];
        var sixteen = stackalloc float*[Lanes];
        float* columns = scratch, scores = scratch + (headSize * Lanes);
        for (var head = 0; head < heads; head++)
        {
            var queries = projections + (head * headSize);
            float* keys = queries + (heads * headSize), values = keys + (heads * headSize);
            for (var first = 0; first < tokens; first += Lanes)
            {
                var rows = Math.Min(Lanes, tokens - first);
                // A row beyond the last is the last again.
                for (var row = 0; row < Lanes; row++)
                    sixteen[row] = queries + ((nint)(first + Math.Min(row, rows - 1)) * stride);
                Transposition.FromRows(sixteen, headSize, columns, Lanes);
                for (var token = 0; token < tokens; token += RowsAtATime)
                    Score(columns, keys + ((nint)token * stride), stride, Math.Min(RowsAtATime, tokens - token), headSize, scores + (token * Lanes));
                (Vector512<float>.One / Exponentiate(scores, tokens)).Store(inverse);
                for (var row = 0; row < rows; row += RowsAtATime)
                {
                    Blend(
                        scores + row, values, stride, tokens, headSize, inverse + row, Math.Min(RowsAtATime, rows - row),
                        attended + ((nint)(first + row) * attendedStride) + (head * headSize), attendedStride);
                }
            }
        }
    }

    /// <summary>q·kᵀ of sixteen queries with eight keys; one beyond the last is the last again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Score(float* columns, float* k0, nint stride, int keys, int width, float* scores)
    {
        float* k1 = Row(1), k2 = Row(2), k3 = Row(3), k4 = Row(4), k5 = Row(5), k6 = Row(6), k7 = Row(7);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
        for (nint i = 0; i < width; i++)
        {
            var column = Vector512.Load(columns + (i * Lanes));
            s0 = Vector512.FusedMultiplyAdd(Vector512.Create(k0[i]), column, s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Create(k1[i]), column, s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Create(k2[i]), column, s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Create(k3[i]), column, s3);
            s4 = Vector512.FusedMultiplyAdd(Vector512.Create(k4[i]), column, s4);
            s5 = Vector512.FusedMultiplyAdd(Vector512.Create(k5[i]), column, s5);
            s6 = Vector512.FusedMultiplyAdd(Vector512.Create(k6[i]), column, s6);
            s7 = Vector512.FusedMultiplyAdd(Vector512.Create(k7[i]), column, s7);
        }
        s0.Store(scores);
        s1.Store(scores + Lanes);
        s2.Store(scores + (2 * Lanes));
        s3.Store(scores + (3 * Lanes));
        s4.Store(scores + (4 * Lanes));
        s5.Store(scores + (5 * Lanes));
        s6.Store(scores + (6 * Lanes));
        s7.Store(scores + (7 * Lanes));

        float* Row(int number) => k0 + (Math.Min(number, keys - 1) * stride);
    }

    /// <summary>Turns the scores of sixteen queries into exp(score − largest).</summary>
    /// <returns>Their sums, one for each query.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static Vector512<float> Exponentiate(float* scores, int tokens)
    {
        var end = scores + (tokens * Lanes);
        var largest = Vector512.Load(scores);
        for (var row = scores + Lanes; row < end; row += Lanes)
            largest = Vector512.Max(largest, Vector512.Load(row));
        var sum = Vector512<float>.Zero;
        for (var row = scores; row < end; row += Lanes)
        {
            var power = VectorMath.ExpOfNegative(Vector512.Load(row) - largest);
            power.Store(row);
            sum += power;
        }
        return sum;
    }

    /// <summary>Σ p·v of eight queries, each by its own 1 / Σ p.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Blend(float* powers, float* values, nint stride, int tokens, int width, float* inverse, int rows, float* attended, nint attendedStride)
    {
        for (var i = 0; i < width; i += Lanes)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
            float* value = values + i, power = powers;
            for (nint token = 0; token < tokens; token++, value += stride, power += Lanes)
            {
                var row = Vector512.Load(value);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(power[0]), row, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(power[1]), row, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(power[2]), row, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(power[3]), row, a3);
                a4 = Vector512.FusedMultiplyAdd(Vector512.Create(power[4]), row, a4);
                a5 = Vector512.FusedMultiplyAdd(Vector512.Create(power[5]), row, a5);
                a6 = Vector512.FusedMultiplyAdd(Vector512.Create(power[6]), row, a6);
                a7 = Vector512.FusedMultiplyAdd(Vector512.Create(power[7]), row, a7);
            }
            var to = attended + i;
            Store(7, a7);
            Store(6, a6);
            Store(5, a5);
            Store(4, a4);
            Store(3, a3);
            Store(2, a2);
            Store(1, a1);
            Store(0, a0);

            void Store(int row, Vector512<float> sum)
            {
                if (row < rows)
                    (sum * inverse[row]).Store(to + (row * attendedStride));
            }
        }
    }
}
