using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace ScoringService.Inference.Kernels;

/// <summary>Functions of sixteen numbers at a time.</summary>
static class VectorMath
{
    const float Log2E = 1.44269504088896341f;
    // ln 2 as the sum of a number of few bits, whose product with a small integer is exact, and the rest.
    const float LnTwoHigh = 0.693359375f;
    const float LnTwoLow = -2.12194440e-4f;
    const float SmallestExponent = -87f;

    /// <summary>eˣ for x ≤ 0, to about 2 ulp; below −87 it is e⁻⁸⁷, about 10⁻³⁸.</summary>
    /// <remarks>x = n·ln 2 + r with |r| ≤ ½ ln 2; eʳ by its Taylor series, whose first term left out is below 2·10⁻⁸; 2ⁿ by the exponent's bits.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ExpOfNegative(Vector512<float> x)
    {
        x = Vector512.Max(x, Vector512.Create(SmallestExponent));
        var n = Vector512.Round(x * Log2E);
        var r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LnTwoHigh), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-LnTwoLow), r);
        var series = Vector512.Create(1f / 720);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 120));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 24));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 6));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512.Create(1f / 2));
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        series = Vector512.FusedMultiplyAdd(series, r, Vector512<float>.One);
        var power = Vector512.ConvertToInt32Native(n) + Vector512.Create(127) << 23;
        return series * power.AsSingle();
    }

    /// <summary>The exact GELU, x·Φ(x), to 4·10⁻⁷ absolutely.</summary>
    /// <remarks>
    /// max(x, 0) − |x|·½erfc(|x|/√2), with Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26:
    /// erfc(z) ≈ (a₁t + … + a₅t⁵)·e^(−z²), t = 1/(1 + pz), whose error is at most 1.5·10⁻⁷.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Gelu(Vector512<float> x)
    {
        var size = Vector512.Abs(x);
        var t = Vector512<float>.One / Vector512.FusedMultiplyAdd(size, Vector512.Create(0.3275911f * 0.70710678f), Vector512<float>.One);
        // Halves of a₁ to a₅.
        var tail = Vector512.Create(0.5f * 1.061405429f);
        tail = Vector512.FusedMultiplyAdd(tail, t, Vector512.Create(0.5f * -1.453152027f));
        tail = Vector512.FusedMultiplyAdd(tail, t, Vector512.Create(0.5f * 1.421413741f));
        tail = Vector512.FusedMultiplyAdd(tail, t, Vector512.Create(0.5f * -0.284496736f));
        tail = Vector512.FusedMultiplyAdd(tail, t, Vector512.Create(0.5f * 0.254829592f));
        tail *= t * ExpOfNegative(x * x * -0.5f);
        return Vector512.FusedMultiplyAdd(-size, tail, Vector512.Max(x, Vector512<float>.Zero));
    }

    /// <summary>The largest of sixteen numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> x)
    {
        var eight = Vector256.Max(x.GetLower(), x.GetUpper());
        var four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Math.Max(four.ToScalar(), four.GetElement(1));
    }
}
