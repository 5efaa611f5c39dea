using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Tests.Alignment;

public sealed class GromovWassersteinTests
{
    /// <summary>Golden values: Python Optimal Transport, <c>gromov_wasserstein2</c> with its defaults.</summary>
    [Theory]
    [InlineData("gw_golden9.json")]
    [InlineData("gw_fixture_small.json")]
    public void Distances_match_the_reference_implementation(string file)
    {
        var golden = Golden.Read(file);
        var expected = golden.GetProperty("gw").Deserialize<double[][]>()!;
        var metrics = golden.GetProperty("clouds").EnumerateArray().Select(cloud => DistanceMatrix.Euclidean(Golden.Matrix(cloud))).ToArray();
        for (var i = 0; i < metrics.Length; i++)
        {
            for (var j = 0; j < metrics.Length; j++)
            {
                var distance = GromovWasserstein.Distance(metrics[i], metrics[j]).Distance;
                var tolerance = i == j ? 1e-12 : 1e-7 * expected[i][j];
                Assert.True(Math.Abs(distance - expected[i][j]) <= tolerance, $"{i},{j}: {distance} instead of {expected[i][j]}");
            }
        }
    }

    /// <summary>The nearest of the published worked numbers: three clouds of 5, 6 and 4 points.</summary>
    [Fact]
    public void Three_small_clouds_have_the_worked_distances_and_similarities()
    {
        var clouds = new[]
        {
            KeyValuePair.Create("A", Golden.Matrix(
                [[1.76405235, .40015721], [.97873798, 2.2408932], [1.86755799, -.97727788], [.95008842, -.15135721], [-.10321885, .4105985]])),
            KeyValuePair.Create("B", Golden.Matrix(
                [[5.14404357, 6.45427351], [5.76103773, 5.12167502], [5.44386323, 5.33367433],
                [6.49407907, 4.79484174], [5.3130677, 4.14590426], [2.44701018, 5.6536186]])),
            KeyValuePair.Create(
                "C", Golden.Matrix([[3.3644362, 1.75783498], [4.76975462, 1.04563433], [2.54575852, 2.31281615], [4.03277921, 3.96935877]])),
        };
        var reports = new List<double>();

        var alignment = AlignmentMatrix.Of(clouds, threads: 1, new Reports(reports));

        Assert.Equal<string>(["A", "B", "C"], alignment.ItemIds);
        Assert.Equal(.8534145765, alignment.Distances[0][1], 1e-7);
        Assert.Equal(.6011763921, alignment.Distances[0][2], 1e-7);
        Assert.Equal(1.0490179201, alignment.Distances[2][1], 1e-7);
        Assert.Equal(.1865, alignment.Similarity[0][1], 5e-5);
        Assert.Equal(.4269, alignment.Similarity[0][2], 5e-5);
        Assert.Equal(0, alignment.Similarity[1][2]);
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(0, alignment.Distances[i][i]));
        Assert.All(Enumerable.Range(0, 3), i => Assert.Equal(1, alignment.Similarity[i][i]));
        Assert.Equal([1.0 / 3, 2.0 / 3, 1], reports);
    }

    [Fact]
    public void Two_points_against_two_points_differ_by_half_the_squared_difference()
    {
        var a = DistanceMatrix.Euclidean(new Tensor([2, 1], [0, 3]));
        var b = DistanceMatrix.Euclidean(new Tensor([2, 1], [5, 6]));

        Assert.Equal(2, GromovWasserstein.Distance(a, b).Distance, 1e-12);
    }

    [Fact]
    public void One_point_against_a_cloud_is_the_mean_squared_distance_of_the_cloud()
    {
        var cloud = DistanceMatrix.Euclidean(Clouds.Normal(new Random(1), 7, 3));
        var point = DistanceMatrix.Euclidean(new Tensor([1, 2], [4, 4]));
        var mean = Enumerable.Range(0, 49).Average(pair => Math.Pow(cloud[pair / 7, pair % 7], 2));

        Assert.Equal(mean, GromovWasserstein.Distance(point, cloud).Distance, 1e-12);
        Assert.Equal(mean, GromovWasserstein.Distance(cloud, point).Distance, 1e-12);
    }

    [Fact]
    public void A_moved_and_permuted_copy_of_a_cloud_lies_at_zero()
    {
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var cloud = Clouds.Normal(random, random.Next(3, 40), random.Next(2, 20));
            var distance = Distance(cloud, Clouds.Permuted(random, Clouds.Moved(cloud)));
            Assert.True(distance is >= 0 and < 1e-10, $"seed {seed}: {distance}");
        }
    }

    [Fact]
    public void The_distance_is_symmetric_and_blind_to_order_and_motion()
    {
        // From three points on: the two points of a pair cannot be told apart, and a tie in the first step may end in another local minimum.
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var x = Clouds.Normal(random, random.Next(3, 30), random.Next(2, 12));
            var y = Clouds.Normal(random, random.Next(3, 30), random.Next(2, 12));
            var distance = Distance(x, y);
            var tolerance = 1e-8 * Math.Max(1, distance);

            Assert.True(Math.Abs(Distance(y, x) - distance) < tolerance, $"seed {seed}: {distance} one way, {Distance(y, x)} the other");
            Assert.True(
                Math.Abs(Distance(Clouds.Permuted(random, x), Clouds.Moved(y)) - distance) < tolerance, $"seed {seed}: order or motion is seen");
        }
    }

    [Fact]
    public void Scaling_both_clouds_scales_the_distance_by_the_square()
    {
        for (var seed = 0; seed < 25; seed++)
        {
            var random = new Random(seed);
            var x = Clouds.Normal(random, random.Next(2, 30), 5);
            var y = Clouds.Normal(random, random.Next(2, 30), 3);
            var factor = 1 << random.Next(1, 4);
            var expected = factor * factor * Distance(x, y);

            Assert.True(
                Math.Abs(Distance(Clouds.Scaled(x, factor), Clouds.Scaled(y, factor)) - expected) <= 1e-7 * Math.Max(1, expected), $"seed {seed}");
        }
    }

    [Fact]
    public void The_coupling_has_uniform_marginals_and_gives_the_distance_by_its_definition()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var x = DistanceMatrix.Euclidean(Clouds.Normal(random, random.Next(2, 12), 4));
            var y = DistanceMatrix.Euclidean(Clouds.Normal(random, random.Next(2, 12), 4));

            var (distance, coupling, _) = GromovWasserstein.Distance(x, y);

            var byDefinition = 0.0;
            for (var i = 0; i < x.Size; i++)
            for (var j = 0; j < y.Size; j++)
            for (var k = 0; k < x.Size; k++)
            for (var l = 0; l < y.Size; l++)
                byDefinition += Math.Pow(x[i, k] - y[j, l], 2) * coupling[i, j] * coupling[k, l];
            Assert.True(Math.Abs(distance - byDefinition) < 1e-10, $"seed {seed}: {distance} instead of {byDefinition}");
            for (var i = 0; i < x.Size; i++)
                Assert.True(Math.Abs(Enumerable.Range(0, y.Size).Sum(j => coupling[i, j]) - (1.0 / x.Size)) < 1e-14, $"seed {seed}, row {i}");
            for (var j = 0; j < y.Size; j++)
                Assert.True(Math.Abs(Enumerable.Range(0, x.Size).Sum(i => coupling[i, j]) - (1.0 / y.Size)) < 1e-14, $"seed {seed}, column {j}");
        }
    }

    [Fact]
    public void The_same_clouds_give_the_same_bits_on_one_thread_and_on_four()
    {
        var random = new Random(3);
        var clouds = Enumerable.Range(0, 6).Select(i => KeyValuePair.Create($"item {i}", Clouds.Normal(random, 20 + i, 8))).ToArray();

        var alone = AlignmentMatrix.Of(clouds, threads: 1);
        var together = AlignmentMatrix.Of(clouds, threads: 4);

        Assert.Equal(alone.Distances.SelectMany(row => row), together.Distances.SelectMany(row => row));
    }

    [Fact]
    public void More_starts_never_end_higher_than_the_product_coupling_alone()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var x = DistanceMatrix.Euclidean(Clouds.Normal(random, random.Next(1, 14), 2));
            var y = DistanceMatrix.Euclidean(Clouds.Normal(random, random.Next(1, 14), 2));
            double[] byStarts = [.. new[] { 1, 2, 3, 8 }.Select(starts => GromovWasserstein.Distance(x, y, starts, seed).Distance)];

            Assert.True(byStarts.Zip(byStarts.Skip(1)).All(pair => pair.Second <= pair.First), $"seed {seed}: {string.Join(", ", byStarts)}");
        }
    }

    /// <summary>
    /// A space so symmetric that every point looks alike from the product coupling: the search sticks well above zero, though the two are the same
    /// (algorithm brief §1.3).
    /// </summary>
    [Fact]
    public void More_starts_bring_a_regular_hexagon_and_its_permuted_copies_together()
    {
        var angles = Enumerable.Range(0, 6).Select(i => i * MathF.PI / 3);
        var hexagon = new Tensor([6, 2], [.. angles.SelectMany(angle => new[] { MathF.Cos(angle), MathF.Sin(angle) })]);
        var x = DistanceMatrix.Euclidean(hexagon);
        for (var seed = 0; seed < 20; seed++)
        {
            var y = DistanceMatrix.Euclidean(Clouds.Permuted(new Random(seed), hexagon));

            var once = GromovWasserstein.Distance(x, y).Distance;
            var often = GromovWasserstein.Distance(x, y, starts: 30).Distance;

            Assert.True(once > .3 && often < 1e-9, $"seed {seed}: {once} from one start, {often} from thirty");
        }
    }

    [Fact]
    public void Every_start_gives_a_coupling_with_uniform_marginals()
    {
        var random = new Random(5);
        var x = DistanceMatrix.Euclidean(Clouds.Normal(random, 9, 3));
        var y = DistanceMatrix.Euclidean(Clouds.Normal(random, 6, 3));
        for (var starts = 1; starts < 12; starts++)
        {
            var coupling = GromovWasserstein.Distance(x, y, starts, seed: 4).Coupling;
            for (var i = 0; i < 9; i++)
                Assert.Equal(1.0 / 9, Enumerable.Range(0, 6).Sum(j => coupling[i, j]), 1e-14);
            for (var j = 0; j < 6; j++)
                Assert.Equal(1.0 / 6, Enumerable.Range(0, 9).Sum(i => coupling[i, j]), 1e-14);
        }
    }

    [Fact]
    public void A_cancelled_comparison_ends()
    {
        var cloud = KeyValuePair.Create("item", Clouds.Normal(new Random(0), 5, 2));
        Assert.ThrowsAny<OperationCanceledException>(
            () => AlignmentMatrix.Of([cloud, cloud], threads: 1, stop: new CancellationToken(canceled: true)));
    }

    static double Distance(Tensor x, Tensor y) => GromovWasserstein.Distance(DistanceMatrix.Euclidean(x), DistanceMatrix.Euclidean(y)).Distance;

    sealed class Reports(List<double> received) : IProgress<double>
    {
        public void Report(double value) => received.Add(value);
    }
}
