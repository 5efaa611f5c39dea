using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Tests.Alignment;

public sealed class CloudComparisonTests
{
    [Fact]
    public void No_distance_is_below_its_bound()
    {
        for (var seed = 0; seed < 120; seed++)
        {
            var random = new Random(seed);
            var output = (GwOutput)random.Next(2);
            var draws = random.Next(1, 4);
            var comparison = CloudComparison.Of([Item(random, "a", draws), Item(random, "b", draws)], threads: 1, random.Next(1, 4), seed, output);

            var (bound, distance) = (comparison.LowerBound(1, 0), comparison.Distance(1, 0).Mean);

            Assert.True(bound >= 0 && bound <= distance, $"seed {seed}: bound {bound}, distance {distance}");
            Assert.True(Math.Abs(bound - comparison.LowerBound(0, 1)) <= 1e-12 * (1 + bound), $"seed {seed}: the bound is not symmetric");
        }
    }

    [Fact]
    public void A_moved_and_permuted_copy_is_bounded_by_zero_and_never_by_more_than_its_distance()
    {
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var cloud = Clouds.Normal(random, random.Next(3, 30), 4);
            var comparison = CloudComparison.Of([new("a", [cloud]), new("b", [Clouds.Permuted(random, Clouds.Moved(cloud))])], threads: 1);

            Assert.True(comparison.LowerBound(1, 0) == 0, $"seed {seed}");
        }
    }

    /// <summary>
    /// By hand: two points 3 apart and two points 1 apart; half of the ordered pairs are 0 apart in both, so the bound is (3 − 1)² / 2, the distance
    /// itself.
    /// </summary>
    [Fact]
    public void The_bound_of_two_pairs_of_points_is_their_distance()
    {
        var comparison = CloudComparison.Of([new("a", [new([2, 1], [0, 3])]), new("b", [new([2, 1], [5, 6])])], threads: 1);

        Assert.Equal(2, comparison.LowerBound(1, 0), 1e-7);
        Assert.Equal(2, comparison.Distance(1, 0).Mean, 1e-12);
    }

    [Fact]
    public void Several_draws_are_reported_by_their_mean_and_standard_deviation()
    {
        var random = new Random(11);
        Tensor[] a = [.. Enumerable.Range(0, 3).Select(_ => Clouds.Normal(random, 8, 3))];
        Tensor[] b = [.. Enumerable.Range(0, 3).Select(_ => Clouds.Normal(random, 9, 3))];
        double[] each = [.. a.Zip(b, (x, y) => GromovWasserstein.Distance(DistanceMatrix.Euclidean(y), DistanceMatrix.Euclidean(x)).Distance)];

        var alignment = AlignmentMatrix.Of(CloudComparison.Of([new("a", [.. a]), new("b", [.. b])], threads: 1), threads: 1);

        Assert.Equal(each.Average(), alignment.Distances[0][1], 1e-12);
        var deviations = Assert.NotNull(alignment.Deviations);
        Assert.Equal(Math.Sqrt(each.Sum(value => Math.Pow(value - each.Average(), 2)) / 2), deviations[1][0], 1e-12);
        Assert.Equal(0, deviations[0][0]);
    }

    [Fact]
    public void One_draw_has_no_spread()
    {
        Assert.Null(AlignmentMatrix.Of(CloudComparison.Of([Item(new Random(0), "a", 1), Item(new Random(1), "b", 1)], 1), 1).Deviations);
    }

    /// <summary>Golden values: Python Optimal Transport's objective, and half its root, Mémoli's metric.</summary>
    [Fact]
    public void The_half_root_is_half_the_root_of_the_reference_distances()
    {
        var golden = Golden.Read("gw_golden9.json");
        var expected = golden.GetProperty("gw").Deserialize<double[][]>()!;
        ItemCloud[] clouds = [.. golden.GetProperty("clouds").EnumerateArray().Take(4)
            .Select((cloud, i) => new ItemCloud($"{i}", [Golden.Matrix(cloud)]))];

        var alignment = AlignmentMatrix.Of(CloudComparison.Of(clouds, threads: 1, output: GwOutput.HalfRoot), threads: 1);

        for (var i = 0; i < 4; i++)
        {
            for (var j = 0; j < 4; j++)
                Assert.Equal(Math.Sqrt(expected[i][j]) / 2, alignment.Distances[i][j], 1e-7);
        }
    }

    [Fact]
    public void Items_with_different_numbers_of_draws_are_refused()
    {
        var random = new Random(0);
        Assert.Throws<ArgumentException>(() => CloudComparison.Of([Item(random, "a", 1), Item(random, "b", 2)], threads: 1));
        Assert.Throws<ArgumentException>(() => CloudComparison.Of([new("a", [])], threads: 1));
    }

    static ItemCloud Item(Random random, string id, int draws)
    {
        var (count, width, scale) = (random.Next(1, 12), random.Next(1, 6), random.Next(1, 4));
        return new(id, [.. Enumerable.Range(0, draws).Select(_ => Clouds.Scaled(Clouds.Normal(random, count, width), scale))]);
    }
}
