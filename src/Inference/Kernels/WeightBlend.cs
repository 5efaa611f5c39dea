using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>Blends weights for eight responses at a time: θ₀ + Σᵢ wᵢτᵢ.</summary>
static unsafe class WeightBlend
{
    /// <summary>Responses that are blended for at a time.</summary>
    public const int ResponsesAtATime = 8;

    /// <summary>Blends a part of a panel.</summary>
    /// <param name="routing">Routing weights, <c>[responses, members]</c>; the first of each is one and is not read.</param>
    /// <param name="members">The shared weights and all task vectors.</param>
    /// <param name="responses">1 to 8.</param>
    /// <param name="stack">The part, <c>[depth, members, 48]</c>.</param>
    /// <param name="depth">Inputs of the part.</param>
    /// <param name="blended">Receives <c>[8, depth, 48]</c>; what is beyond the last response is the last again.</param>
    /// <param name="stride">Numbers from one response's part to the next's.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Blend(float* routing, nint members, int responses, float* stack, int depth, float* blended, nint stride)
    {
        float* r0 = routing, r1 = Of(1), r2 = Of(2), r3 = Of(3), r4 = Of(4), r5 = Of(5), r6 = Of(6), r7 = Of(7);
        for (var i = 0; i < depth; i++, blended += PackedMatrix.Width)
        {
            Vector512<float> w0 = Vector512.Load(stack), w1 = Vector512.Load(stack + 16), w2 = Vector512.Load(stack + 32);
            stack += PackedMatrix.Width;
            Vector512<float> y00 = w0, y01 = w1, y02 = w2, y10 = w0, y11 = w1, y12 = w2, y20 = w0, y21 = w1, y22 = w2, y30 = w0, y31 = w1, y32 = w2;
            Vector512<float> y40 = w0, y41 = w1, y42 = w2, y50 = w0, y51 = w1, y52 = w2, y60 = w0, y61 = w1, y62 = w2, y70 = w0, y71 = w1, y72 = w2;
            for (nint member = 1; member < members; member++)
            {
                (w0, w1, w2) = (Vector512.Load(stack), Vector512.Load(stack + 16), Vector512.Load(stack + 32));
                stack += PackedMatrix.Width;
                var share = Vector512.Create(r0[member]);
                (y00, y01, y02) = (MulAdd(share, w0, y00), MulAdd(share, w1, y01), MulAdd(share, w2, y02));
                share = Vector512.Create(r1[member]);
                (y10, y11, y12) = (MulAdd(share, w0, y10), MulAdd(share, w1, y11), MulAdd(share, w2, y12));
                share = Vector512.Create(r2[member]);
                (y20, y21, y22) = (MulAdd(share, w0, y20), MulAdd(share, w1, y21), MulAdd(share, w2, y22));
                share = Vector512.Create(r3[member]);
                (y30, y31, y32) = (MulAdd(share, w0, y30), MulAdd(share, w1, y31), MulAdd(share, w2, y32));
                share = Vector512.Create(r4[member]);
                (y40, y41, y42) = (MulAdd(share, w0, y40), MulAdd(share, w1, y41), MulAdd(share, w2, y42));
                share = Vector512.Create(r5[member]);
                (y50, y51, y52) = (MulAdd(share, w0, y50), MulAdd(share, w1, y51), MulAdd(share, w2, y52));
                share = Vector512.Create(r6[member]);
                (y60, y61, y62) = (MulAdd(share, w0, y60), MulAdd(share, w1, y61), MulAdd(share, w2, y62));
                share = Vector512.Create(r7[member]);
                (y70, y71, y72) = (MulAdd(share, w0, y70), MulAdd(share, w1, y71), MulAdd(share, w2, y72));
            }
            Store(blended, y00, y01, y02);
            Store(blended + stride, y10, y11, y12);
            Store(blended + (2 * stride), y20, y21, y22);
            Store(blended + (3 * stride), y30, y31, y32);
            Store(blended + (4 * stride), y40, y41, y42);
            Store(blended + (5 * stride), y50, y51, y52);
            Store(blended + (6 * stride), y60, y61, y62);
            Store(blended + (7 * stride), y70, y71, y72);
        }

        float* Of(int response) => routing + (Math.Min(response, responses - 1) * members);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<float> MulAdd(Vector512<float> share, Vector512<float> weight, Vector512<float> sum) => Vector512.FusedMultiplyAdd(share, weight, sum);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store(float* to, Vector512<float> a, Vector512<float> b, Vector512<float> c)
    {
        a.Store(to);
        b.Store(to + 16);
        c.Store(to + 32);
    }
}
