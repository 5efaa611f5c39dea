using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>Self-attention within one response: softmax(q·kᵀ)·v for every head; q comes already divided by √d. Nothing is padded.</summary>
static unsafe class SelfAttention
{
    const int Lanes = 16;
    const int QueriesAtATime = 8;

    /// <summary>Numbers of scratch memory that a response of that many tokens needs.</summary>
    public static int Scratch(int tokens, int headSize) => (headSize + QueriesAtATime) * Padded(tokens);

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
        float* inverse = stackalloc float[QueriesAtATime];
        var padded = Padded(tokens);
        float* keys = scratch, probabilities = scratch + ((nint)headSize * padded);
        for (var head = 0; head < heads; head++)
        {
            var queries = projections + (head * headSize);
            Transpose(queries + (heads * headSize), stride, tokens, headSize, keys, padded);
            var values = queries + (2 * heads * headSize);
            for (var first = 0; first < tokens; first += QueriesAtATime)
            {
                var rows = Math.Min(QueriesAtATime, tokens - first);
                Score(queries + ((nint)first * stride), stride, rows, keys, padded, headSize, probabilities);
                for (var row = 0; row < rows; row++)
                    inverse[row] = 1 / Exponentiate(probabilities + (row * padded), tokens, padded);
                Blend(
                    probabilities, padded, values, stride, tokens, headSize, inverse, rows,
                    attended + ((nint)first * attendedStride) + (head * headSize), attendedStride);
            }
        }
    }

    static int Padded(int tokens) => (tokens + Lanes - 1) / Lanes * Lanes;

    /// <summary>Turns rows into columns, in squares of four; columns beyond the last row are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Transpose(float* rows, nint stride, int tokens, int width, float* columns, nint padded)
    {
        for (var token = 0; token < tokens; token += 4, rows += 4 * stride)
        {
            // A row beyond the last one is the last one again; its column is cleared below.
            var left = tokens - token - 1;
            float* r1 = rows + (Math.Min(1, left) * stride), r2 = rows + (Math.Min(2, left) * stride), r3 = rows + (Math.Min(3, left) * stride);
            for (var i = 0; i < width; i += 4)
            {
                var (w, x, y, z) = Transposition.Turned(
                    Vector128.Load(rows + i), Vector128.Load(r1 + i), Vector128.Load(r2 + i), Vector128.Load(r3 + i));
                var to = columns + (i * padded) + token;
                w.Store(to);
                x.Store(to + padded);
                y.Store(to + (2 * padded));
                z.Store(to + (3 * padded));
            }
        }
        for (var token = tokens; token < padded; token++)
        {
            for (var i = 0; i < width; i++)
                columns[(i * padded) + token] = 0;
        }
    }

    /// <summary>q·kᵀ of eight queries; one beyond the last is the last again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Score(float* q0, nint stride, int rows, float* keys, int padded, int width, float* scores)
    {
        float* q1 = Row(1), q2 = Row(2), q3 = Row(3), q4 = Row(4), q5 = Row(5), q6 = Row(6), q7 = Row(7);
        for (var token = 0; token < padded; token += Lanes)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            var key = keys + token;
            for (nint i = 0; i < width; i++, key += padded)
            {
                var column = Vector512.Load(key);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(q0[i]), column, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(q1[i]), column, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(q2[i]), column, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(q3[i]), column, s3);
                s4 = Vector512.FusedMultiplyAdd(Vector512.Create(q4[i]), column, s4);
                s5 = Vector512.FusedMultiplyAdd(Vector512.Create(q5[i]), column, s5);
                s6 = Vector512.FusedMultiplyAdd(Vector512.Create(q6[i]), column, s6);
                s7 = Vector512.FusedMultiplyAdd(Vector512.Create(q7[i]), column, s7);
            }
            var to = scores + token;
            s0.Store(to);
            s1.Store(to += padded);
            s2.Store(to += padded);
            s3.Store(to += padded);
            s4.Store(to += padded);
            s5.Store(to += padded);
            s6.Store(to += padded);
            s7.Store(to + padded);
        }

        float* Row(int number) => q0 + (Math.Min(number, rows - 1) * stride);
    }

    /// <summary>Turns scores into exp(score − largest).</summary>
    /// <returns>Their sum.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static float Exponentiate(float* scores, int tokens, int padded)
    {
        for (var token = tokens; token < padded; token++)
            scores[token] = float.NegativeInfinity;
        var largest = Vector512.Load(scores);
        for (var token = Lanes; token < padded; token += Lanes)
            largest = Vector512.Max(largest, Vector512.Load(scores + token));
        var top = VectorMath.Largest(largest);
        for (var token = 0; token < padded; token += Lanes)
            VectorMath.ExpOfNegative(Vector512.Load(scores + token) - Vector512.Create(top)).Store(scores + token);
        var sum = Vector512<float>.Zero;
        for (var token = tokens; token < padded; token++)
            scores[token] = 0;
        for (var token = 0; token < padded; token += Lanes)
            sum += Vector512.Load(scores + token);
        return Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Blend(
        float* p0, nint padded, float* values, nint stride, int tokens, int width, float* inverse, int rows, float* attended, nint attendedStride)
    {
        float* p1 = p0 + padded, p2 = p1 + padded, p3 = p2 + padded, p4 = p3 + padded, p5 = p4 + padded, p6 = p5 + padded, p7 = p6 + padded;
        for (var i = 0; i < width; i += Lanes)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
            var value = values + i;
            for (nint token = 0; token < tokens; token++, value += stride)
            {
                var row = Vector512.Load(value);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(p0[token]), row, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(p1[token]), row, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(p2[token]), row, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(p3[token]), row, a3);
                a4 = Vector512.FusedMultiplyAdd(Vector512.Create(p4[token]), row, a4);
                a5 = Vector512.FusedMultiplyAdd(Vector512.Create(p5[token]), row, a5);
                a6 = Vector512.FusedMultiplyAdd(Vector512.Create(p6[token]), row, a6);
                a7 = Vector512.FusedMultiplyAdd(Vector512.Create(p7[token]), row, a7);
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
