using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Tests.Alignment;

public sealed class DistanceMatrixTests
{
    [Fact]
    public void Distances_are_those_of_the_definition_for_any_shape()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var cloud = Clouds.Normal(random, count: random.Next(1, 60), width: random.Next(1, 70));
            var distances = DistanceMatrix.Euclidean(cloud);
            for (var i = 0; i < distances.Size; i++)
            {
                for (var j = 0; j < distances.Size; j++)
                {
                    var expected = Clouds.Distance(cloud, i, j);
                    Assert.True(Math.Abs(distances[i, j] - expected) <= 1e-12 * (1 + expected), $"seed {seed}, pair {i},{j}");
                    Assert.True(distances[i, j] == distances[j, i], $"seed {seed}: not symmetric at {i},{j}");
                }
                Assert.True(distances[i, i] == 0, $"seed {seed}: diagonal at {i}");
            }
        }
    }

    [Fact]
    public void Equal_responses_are_exactly_zero_apart_and_near_ones_keep_their_digits()
    {
        var cloud = new Tensor([3, 2], [1000, 1000, 1000, 1000, 1000.0001f, 1000]);
        var far = new Tensor([4, 2], [.. cloud.Values, -5000, 3000]);

        var distances = DistanceMatrix.Euclidean(far);

        Assert.Equal(0, distances[0, 1]);
        Assert.Equal((double)1000.0001f - 1000, distances[0, 2], 1e-12);
    }

    [Fact]
    public void Features_that_are_no_finite_matrix_are_refused()
    {
        Assert.Contains(
            "[4]", Assert.Throws<ArgumentException>(() => DistanceMatrix.Euclidean(new Tensor([4], new float[4]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => DistanceMatrix.Euclidean(new Tensor([0, 4], [])));
        Assert.Throws<ArgumentException>(() => DistanceMatrix.Euclidean(new Tensor([2, 1], [1, float.NaN])));
    }
}
