using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace ScoringService.Inference.Kernels;

/// <summary>Turns rows into columns, in squares of four.</summary>
static unsafe class Transposition
{
    const int Four = 4;

    /// <summary>From sixteen rows to vectors with a number of each.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="width">Their length, in fours.</param>
    /// <param name="vectors">Receives the vectors.</param>
    /// <param name="stride">Numbers from one vector to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromRows(float** rows, int width, float* vectors, nint stride)
    {
        for (var lane = 0; lane < SparseBlend.Lanes; lane += Four)
        {
            float* a = rows[lane], b = rows[lane + 1], c = rows[lane + 2], d = rows[lane + 3], to = vectors + lane;
            for (nint i = 0; i < width; i += Four, to += Four * stride)
            {
                var (w, x, y, z) = Turned(Vector128.Load(a + i), Vector128.Load(b + i), Vector128.Load(c + i), Vector128.Load(d + i));
                w.Store(to);
                x.Store(to + stride);
                y.Store(to + (2 * stride));
                z.Store(to + (3 * stride));
            }
        }
    }

    /// <summary>From vectors with a number of each row to sixteen rows.</summary>
    /// <param name="vectors">The vectors.</param>
    /// <param name="stride">Numbers from one vector to the next.</param>
    /// <param name="width">Length of the rows, in fours.</param>
    /// <param name="rows">Receive the numbers; several may be the same one if it is of no importance.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToRows(float* vectors, nint stride, int width, float** rows)
    {
        for (var lane = 0; lane < SparseBlend.Lanes; lane += Four)
        {
            float* a = rows[lane], b = rows[lane + 1], c = rows[lane + 2], d = rows[lane + 3], from = vectors + lane;
            for (nint i = 0; i < width; i += Four, from += Four * stride)
            {
                var (w, x, y, z) = Turned(
                    Vector128.Load(from), Vector128.Load(from + stride), Vector128.Load(from + (2 * stride)), Vector128.Load(from + (3 * stride)));
                w.Store(a + i);
                x.Store(b + i);
                y.Store(c + i);
                z.Store(d + i);
            }
        }
    }

    /// <summary>Four by four, turned about its diagonal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float>, Vector128<float>, Vector128<float>, Vector128<float>) Turned(
        Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        Vector128<double> abLow = Interleaved(a, b, upper: false), abHigh = Interleaved(a, b, upper: true);
        Vector128<double> cdLow = Interleaved(c, d, upper: false), cdHigh = Interleaved(c, d, upper: true);
        return (
            Interleaved(abLow, cdLow, upper: false), Interleaved(abLow, cdLow, upper: true),
            Interleaved(abHigh, cdHigh, upper: false), Interleaved(abHigh, cdHigh, upper: true));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<double> Interleaved(Vector128<float> a, Vector128<float> b, bool upper)
    {
        if (Sse.IsSupported)
            return (upper ? Sse.UnpackHigh(a, b) : Sse.UnpackLow(a, b)).AsDouble();
        return upper
            ? Vector128.Create(a[2], b[2], a[3], b[3]).AsDouble()
            : Vector128.Create(a[0], b[0], a[1], b[1]).AsDouble();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> Interleaved(Vector128<double> a, Vector128<double> b, bool upper)
    {
        if (Sse2.IsSupported)
            return (upper ? Sse2.UnpackHigh(a, b) : Sse2.UnpackLow(a, b)).AsSingle();
        return (upper ? Vector128.Create(a[1], b[1]) : Vector128.Create(a[0], b[0])).AsSingle();
    }
}
