using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Tests.Heads;

public sealed class LimitedMemoryBfgsTests
{
    [Fact]
    public void The_minimum_of_an_ill_conditioned_bowl_is_found()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            double[] scales = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => Math.Pow(10, 3 * random.NextDouble()))];
            double[] center = [.. scales.Select(_ => random.NextDouble() - 0.5)];
            var x = new double[scales.Length];

            LimitedMemoryBfgs.Minimize(Bowl, x, tolerance: 1e-9, CancellationToken.None);

            Assert.True(x.Zip(center).All(pair => Math.Abs(pair.First - pair.Second) < 1e-8), $"seed {seed}");

            double Bowl(ReadOnlySpan<double> at, Span<double> gradient)
            {
                var value = 0.0;
                for (var i = 0; i < at.Length; i++)
                {
                    gradient[i] = scales[i] * (at[i] - center[i]);
                    value += gradient[i] * (at[i] - center[i]) / 2;
                }
                return value;
            }
        }
    }

    [Fact]
    public void A_search_that_can_go_no_lower_ends()
    {
        double[] x = [3];

        // A kink: the gradient promises a descent that no step delivers.
        LimitedMemoryBfgs.Minimize((at, gradient) => { gradient[0] = 1; return Math.Abs(at[0] - 3); }, x, tolerance: 1e-9, CancellationToken.None);

        Assert.Equal(3, x[0]);
    }
}
