using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging.Tests.Planning;

public sealed class HierarchicalClusteringTests
{
    [Fact]
    public void With_four_groups_the_published_similarities_give_the_plan_of_the_published_run() =>
        Assert.Equal("1,2,8 | 3,9 | 4,6,7 | 5", Plan(Published.GromovWasserstein, 4));

    [Fact]
    public void The_published_similarities_merge_at_the_worked_heights()
    {
        double[] expected = [.01, .03, .07, .125, .22, .239, .508, .551];

        var heights = HierarchicalClustering.Cluster(Published.Items, Published.GromovWasserstein).Merges.Select(merge => merge.Height);

        Assert.All(heights.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 5e-4));
    }

    [Fact]
    public void Complete_linkage_groups_the_published_similarities_otherwise_and_single_linkage_alike()
    {
        Assert.Equal("1,2,8 | 3,6 | 4,7 | 5 | 9", Plan(Published.GromovWasserstein, 5, Linkage.Complete));
        foreach (var similarity in new[] { Published.GromovWasserstein, Published.Human, Published.LanguageModel })
            Assert.Equal(Plan(similarity, 5), Plan(similarity, 5, Linkage.Single));
    }

    [Fact]
    public void Heights_of_complete_and_single_linkage_are_the_largest_and_the_least_dissimilarity()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var (items, similarity) = RandomSimilarity(new Random(seed));
            foreach (var linkage in new[] { Linkage.Complete, Linkage.Single })
            {
                var merges = HierarchicalClustering.Cluster(items, similarity, linkage).Merges;
                var members = Enumerable.Range(0, items.Length).Select(item => new[] { item }).ToList();
                foreach (var merge in merges)
                {
                    double[] between = [.. members[merge.Left].SelectMany(_ => members[merge.Right], (i, j) => 1 - similarity[i][j])];
                    var expected = linkage == Linkage.Complete ? between.Max() : between.Min();
                    Assert.True(expected == merge.Height, $"seed {seed}, {linkage}: {merge.Height} instead of {expected}");
                    members.Add([.. members[merge.Left], .. members[merge.Right]]);
                }
                Assert.True(merges.Zip(merges.Skip(1)).All(pair => pair.First.Height <= pair.Second.Height), $"seed {seed}, {linkage}");
            }
        }
    }

    [Fact]
    public void Stretching_and_shifting_dissimilarities_leaves_the_plan_as_it_is()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(2, 12);
            var distances = Symmetric(count, _ => random.NextDouble());
            var (factor, shift) = (0.1 + (10 * random.NextDouble()), random.NextDouble());
            var linkage = (Linkage)random.Next(3);
            ImmutableArray<string> items = [.. Enumerable.Range(0, count).Select(i => $"{i}")];
            string[] Plans(Func<int, int, double> distance)
            {
                var dendrogram = HierarchicalClustering.Cluster(items, BoundedDistances.Known(count, distance), linkage, null);
                return [.. Enumerable.Range(1, count).Select(groups => Describe(dendrogram.Cut(groups)))];
            }

            var moved = Plans((i, j) => (factor * distances[i, j]) + shift);
            Assert.True(Plans((i, j) => distances[i, j]).SequenceEqual(moved), $"seed {seed}, {linkage}");
        }
    }

    [Fact]
    public void Bounds_that_are_resolved_only_where_needed_give_the_merges_of_the_whole_matrix_bit_for_bit()
    {
        var spared = 0;
        for (var seed = 0; seed < 600; seed++)
        {
            var random = new Random(seed);
            var count = random.Next(1, 16);
            // Few different values make ties; a bound may be as high as the distance itself.
            var steps = random.Next(2) == 0 ? 6 : 100_000;
            var distances = Symmetric(count, _ => random.Next(steps) / (double)steps);
            var tightness = random.NextDouble();
            double Bound(double distance) => random.Next(3) == 0 ? distance : distance * (tightness + ((1 - tightness) * random.NextDouble()));
            var bounds = Symmetric(count, Bound, distances);
            var (linkage, groups) = ((Linkage)random.Next(3), random.Next(1, count + 1));
            int? limit = random.Next(2) == 0 ? null : random.Next(1, count + 1);
            ImmutableArray<string> items = [.. Enumerable.Range(0, count).Select(i => $"{i}")];

            var whole = HierarchicalClustering.Cluster(items, BoundedDistances.Known(count, (i, j) => distances[i, j]), linkage, limit);
            var bounded = new BoundedDistances(count, (i, j) => bounds[i, j], (i, j) => distances[i, j], threads: 1 + random.Next(3));
            var pruned = HierarchicalClustering.Cluster(items, bounded, linkage, limit, groups);

            Assert.True(
                whole.Merges.Take(count - groups).SequenceEqual(pruned.Merges), $"seed {seed}: {linkage}, {groups} of {count} groups, limit {limit}");
            Assert.True(Describe(whole.Cut(groups)) == Describe(pruned.Cut(groups)), $"seed {seed}");
            spared += (count * (count - 1) / 2) - bounded.Computed;
        }
        Assert.True(spared > 0, "No distance was spared.");
    }

    [Fact]
    public void No_distance_is_computed_where_no_merge_is_asked_for()
    {
        var distances = new BoundedDistances(4, (_, _) => 0, (_, _) => throw new InvalidOperationException());

        Assert.Empty(HierarchicalClustering.Cluster(["a", "b", "c", "d"], distances, Linkage.Average, null, groups: 4).Merges);
        Assert.Equal(0, distances.Computed);
    }

    [Fact]
    public void Tied_heights_do_not_change_the_number_of_groups()
    {
        // Cutting at a height, as SciPy's 'distance' criterion does, gives five groups when asked for six or seven.
        var dendrogram = HierarchicalClustering.Cluster(Published.Items, Published.Human);
        Assert.All(Enumerable.Range(1, 9), groups => Assert.Equal(groups, dendrogram.Cut(groups).Encoders));
        Assert.Equal("1,2 | 3 | 4 | 5,6 | 7 | 8 | 9", Plan(Published.Human, 7));
    }

    /// <summary>Golden values: SciPy's average linkage.</summary>
    [Fact]
    public void Nine_clouds_merge_at_the_reference_heights_into_the_reference_plans()
    {
        var golden = Golden.Read("gw_golden9.json");
        var distances = golden.GetProperty("gw").Deserialize<ImmutableArray<ImmutableArray<double>>>();
        var dendrogram = HierarchicalClustering.Cluster(new AlignmentMatrix(Published.Items, distances));

        var heights = golden.GetProperty("merge_heights").Deserialize<double[]>()!;
        Assert.All(dendrogram.Merges.Zip(heights), pair => Assert.Equal(pair.Second, pair.First.Height, 1e-12));
        foreach (var plan in golden.GetProperty("plans").EnumerateObject())
        {
            var groups = plan.Value.Deserialize<int[][]>()!;
            Assert.Equal(
                string.Join(" | ", groups.Select(group => string.Join(',', group))), Describe(dendrogram.Cut(int.Parse(plan.Name, provider: null))));
        }
    }

    [Fact]
    public void Merges_that_would_exceed_the_group_size_are_skipped()
    {
        var pairs = HierarchicalClustering.Cluster(Published.Items, Published.GromovWasserstein, maxGroupSize: 2);

        Assert.Equal("1 | 2,8 | 3,6 | 4,7 | 5 | 9", Describe(pairs.Cut(6)));
        Assert.Equal(5, pairs.Cut(1).Encoders);
        Assert.All(pairs.Cut(1).Groups, group => Assert.InRange(group.Length, 1, 2));
        Assert.Empty(HierarchicalClustering.Cluster(Published.Items, Published.GromovWasserstein, maxGroupSize: 1).Merges);
    }

    [Fact]
    public void Heights_are_mean_dissimilarities_and_never_fall()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var (items, similarity) = RandomSimilarity(random);
            int? limit = random.Next(2) == 0 ? null : random.Next(1, items.Length + 1);
            var merges = HierarchicalClustering.Cluster(items, similarity, maxGroupSize: limit).Merges;
            var members = Enumerable.Range(0, items.Length).Select(item => new[] { item }).ToList();
            foreach (var merge in merges)
            {
                var mean = members[merge.Left].SelectMany(_ => members[merge.Right], (i, j) => 1 - similarity[i][j]).Average();
                Assert.True(Math.Abs(mean - merge.Height) < 1e-12, $"seed {seed}");
                members.Add([.. members[merge.Left], .. members[merge.Right]]);
                Assert.True(members[^1].Length == merge.Size && merge.Size <= (limit ?? items.Length), $"seed {seed}");
            }
            Assert.True(merges.Zip(merges.Skip(1)).All(pair => pair.First.Height <= pair.Second.Height + 1e-12), $"seed {seed}");
        }
    }

    [Fact]
    public void Similarities_that_are_no_symmetric_matrix_are_refused_by_item()
    {
        var crooked = Assert.Throws<ArgumentException>(() => HierarchicalClustering.Cluster(["a", "b"], [[1, .2], [.3, 1]]));
        Assert.Contains("'a' and 'b'", crooked.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => HierarchicalClustering.Cluster(["a", "b"], [[1, double.NaN], [double.NaN, 1]]));
        Assert.Throws<ArgumentException>(() => HierarchicalClustering.Cluster(["a", "b"], [[1, .2]]));
    }

    static (ImmutableArray<string>, ImmutableArray<ImmutableArray<double>>) RandomSimilarity(Random random)
    {
        var count = random.Next(1, 12);
        var values = Symmetric(count, _ => random.Next(0, 11) / 10.0);
        return (
            [.. Enumerable.Range(0, count).Select(i => $"item {i}")],
            [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count).Select(j => i == j ? 1 : values[i, j]).ToImmutableArray())]);
    }

    static double[,] Symmetric(int count, Func<double, double> value, double[,]? from = null)
    {
        var values = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < i; j++)
                values[i, j] = values[j, i] = value(from?[i, j] ?? 0);
        }
        return values;
    }

    static string Plan(ImmutableArray<ImmutableArray<double>> similarity, int groups, Linkage linkage = Linkage.Average) =>
        Describe(HierarchicalClustering.Cluster(Published.Items, similarity, linkage).Cut(groups));

    static string Describe(MergePlan plan) => string.Join(" | ", plan.Groups.Select(group => string.Join(',', group)));
}
