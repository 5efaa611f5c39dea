using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>Self-attention within one response: softmax(q·kᵀ)·v for every head; q comes already divided by √d. Nothing is padded.</summary>
static unsafe class SelfAttention
{
    const int Lanes = 16;
    const int QueriesAtATime = 4;

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
                for (var row = 0; row < QueriesAtATime; row++)
                    inverse[row] = 1 / Exponentiate(probabilities + (row * padded), tokens, padded);
                Blend(
                    probabilities, padded, values, stride, tokens, headSize, inverse, rows,
                    attended + ((nint)first * attendedStride) + (head * headSize), attendedStride);
            }
        }
    }

    static int Padded(int tokens) => (tokens + Lanes - 1) / Lanes * Lanes;

    static void Transpose(float* rows, int stride, int tokens, int width, float* columns, int padded)
    {
        for (var token = 0; token < tokens; token++, rows += stride)
        {
            for (var i = 0; i < width; i++)
                columns[((nint)i * padded) + token] = rows[i];
        }
        for (var i = 0; i < width; i++)
        {
            for (var token = tokens; token < padded; token++)
                columns[((nint)i * padded) + token] = 0;
        }
    }

    /// <summary>q·kᵀ of four queries; one beyond the last is the last again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Score(float* query, nint stride, int rows, float* keys, int padded, int width, float* scores)
    {
        float* q1 = query + (Math.Min(1, rows - 1) * stride), q2 = query + (Math.Min(2, rows - 1) * stride), q3 = query + (Math.Min(3, rows - 1) * stride);
        for (var token = 0; token < padded; token += Lanes)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            var key = keys + token;
            for (nint i = 0; i < width; i++, key += padded)
            {
                var column = Vector512.Load(key);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(query[i]), column, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(q1[i]), column, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(q2[i]), column, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(q3[i]), column, s3);
            }
            s0.Store(scores + token);
            s1.Store(scores + padded + token);
            s2.Store(scores + (2 * padded) + token);
            s3.Store(scores + (3 * padded) + token);
        }
    }

    /// <summary>Turns scores into exp(score − largest).</summary>
    /// <returns>Their sum.</returns>
    static float Exponentiate(float* scores, int tokens, int padded)
    {
        for (var token = tokens; token < padded; token++)
            scores[token] = float.NegativeInfinity;
        var largest = Vector512.Load(scores);
        for (var token = Lanes; token < padded; token += Lanes)
            largest = Vector512.Max(largest, Vector512.Load(scores + token));
        var top = largest[0];
        for (var lane = 1; lane < Lanes; lane++)
            top = Math.Max(top, largest[lane]);
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
        float* probabilities, int padded, float* values, nint stride, int tokens, int width, float* inverse, int rows, float* attended, nint attendedStride)
    {
        float* p1 = probabilities + padded, p2 = p1 + padded, p3 = p2 + padded;
        for (var i = 0; i < width; i += Lanes)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default;
            var value = values + i;
            for (nint token = 0; token < tokens; token++, value += stride)
            {
                var row = Vector512.Load(value);
                a0 = Vector512.FusedMultiplyAdd(Vector512.Create(probabilities[token]), row, a0);
                a1 = Vector512.FusedMultiplyAdd(Vector512.Create(p1[token]), row, a1);
                a2 = Vector512.FusedMultiplyAdd(Vector512.Create(p2[token]), row, a2);
                a3 = Vector512.FusedMultiplyAdd(Vector512.Create(p3[token]), row, a3);
            }
            var to = attended + i;
            (a0 * inverse[0]).Store(to);
            if (rows > 1)
                (a1 * inverse[1]).Store(to + attendedStride);
            if (rows > 2)
                (a2 * inverse[2]).Store(to + (2 * attendedStride));
            if (rows > 3)
                (a3 * inverse[3]).Store(to + (3 * attendedStride));
        }
    }
}
