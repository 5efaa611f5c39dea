using System.Runtime.Intrinsics;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Tests.Kernels;

public sealed class VectorMathTests
{
    [Fact]
    public void The_exponential_of_a_negative_number_is_within_2_ulp()
    {
        for (var x = -86f; x <= 0; x += .00173f)
        {
            var (expected, actual) = (Math.Exp(x), VectorMath.ExpOfNegative(Vector512.Create(x))[0]);
            Assert.True(Math.Abs(actual - expected) <= expected * 2.5e-7, $"{x}: {actual} for {expected}");
        }
        Assert.InRange(VectorMath.ExpOfNegative(Vector512.Create(float.NegativeInfinity))[0], 0, 1e-37f);
    }

    // From a table of the normal distribution: Φ(1) = .8413447461, Φ(2) = .9772498681, Φ(3) = .9986501020.
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, .8413447461)]
    [InlineData(-1, -.1586552539)]
    [InlineData(2, 1.9544997362)]
    [InlineData(-2, -.0455002638)]
    [InlineData(3, 2.9959503060)]
    [InlineData(-3, -.0040496940)]
    [InlineData(40, 40)]
    [InlineData(-40, 0)]
    public void Gelu_is_x_times_the_normal_distribution(float x, double expected) =>
        Assert.Equal(expected, VectorMath.Gelu(Vector512.Create(x))[0], 4e-7 * Math.Max(1, Math.Abs(x)));
}
