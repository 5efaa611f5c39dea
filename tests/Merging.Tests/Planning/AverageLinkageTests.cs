using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging.Tests.Planning;

public sealed class AverageLinkageTests
{
    static readonly ImmutableArray<string> NineItems = [.. Enumerable.Range(1, 9).Select(i => $"{i}")];

    // The three similarity matrices of the GW-SMM paper's figures, to two decimals.
    static readonly ImmutableArray<ImmutableArray<double>> GromovWassersteinSimilarity =
    [
        [1.00, .97, .43, .76, .49, .67, .74, .97, .00],
        [.97, 1.0, .55, .80, .47, .74, .82, .99, .21],
        [.43, .55, 1.0, .71, .36, .87, .71, .66, .78],
        [.76, .80, .71, 1.0, .50, .86, .93, .79, .42],
        [.49, .47, .36, .50, 1.0, .53, .47, .49, .10],
        [.67, .74, .87, .86, .53, 1.0, .89, .72, .68],
        [.74, .82, .71, .93, .47, .89, 1.0, .81, .41],
        [.97, .99, .66, .79, .49, .72, .81, 1.0, .17],
        [.00, .21, .78, .42, .10, .68, .41, .17, 1.0],
    ];

    static readonly ImmutableArray<ImmutableArray<double>> HumanSimilarity =
        [.. Enumerable.Range(1, 9).Select(i => Enumerable.Range(1, 9).Select(j => Human(Math.Min(i, j), Math.Max(i, j))).ToImmutableArray())];

    static readonly ImmutableArray<ImmutableArray<double>> LanguageModelSimilarity =
    [
        [1, .4, .3, .3, .2, .1, .1, .1, .1],
        [.4, 1, .4, .3, .2, .2, .1, .1, .1],
        [.3, .4, 1, .8, .3, .2, .4, .5, .5],
        [.3, .3, .8, 1, .3, .2, .4, .5, .5],
        [.2, .2, .3, .3, 1, .9, .2, .3, .3],
        [.1, .2, .2, .2, .9, 1, .2, .2, .2],
        [.1, .1, .4, .4, .2, .2, 1, .4, .4],
        [.1, .1, .5, .5, .3, .2, .4, 1, .8],
        [.1, .1, .5, .5, .3, .2, .4, .8, 1],
    ];

    static double Human(int i, int j) => (i, j) switch
    {
        _ when i == j => 1,
        (1, 2) or (5, 6) or ( >= 7, _) => .8,
        (3, 4) => .6,
        (5 or 6, >= 7) => .5,
        _ => .2,
    };

    [Fact]
    public void The_published_plans_follow_from_the_published_similarities()
    {
        Assert.Equal("1,2,8 | 3 | 4,6,7 | 5 | 9", Plan(GromovWassersteinSimilarity, 5));
        Assert.Equal("1,2,8 | 3,9 | 4,6,7 | 5", Plan(GromovWassersteinSimilarity, 4));
        Assert.Equal("1,2 | 3 | 4 | 5,6 | 7,8,9", Plan(HumanSimilarity, 5));
        Assert.Equal("1 | 2 | 3,4,8,9 | 5,6 | 7", Plan(LanguageModelSimilarity, 5));
    }

    [Fact]
    public void The_published_similarities_merge_at_the_worked_heights()
    {
        double[] expected = [.01, .03, .07, .125, .22, .239, .508, .551];

        var heights = AverageLinkage.Cluster(NineItems, GromovWassersteinSimilarity).Merges.Select(merge => merge.Height);

        Assert.All(heights.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 5e-4));
    }

    [Fact]
    public void Tied_heights_do_not_change_the_number_of_groups()
    {
        // Cutting at a height, as SciPy's 'distance' criterion does, gives five groups when asked for six or seven.
        Assert.All(Enumerable.Range(1, 9), groups => Assert.Equal(groups, AverageLinkage.Cluster(NineItems, HumanSimilarity).Cut(groups).Encoders));
        Assert.Equal("1,2 | 3 | 4 | 5,6 | 7 | 8 | 9", Plan(HumanSimilarity, 7));
    }

    /// <summary>Golden values: SciPy's average linkage.</summary>
    [Fact]
    public void Nine_clouds_merge_at_the_reference_heights_into_the_reference_plans()
    {
        var golden = Golden.Read("gw_golden9.json");
        var distances = golden.GetProperty("gw").Deserialize<ImmutableArray<ImmutableArray<double>>>();
        var dendrogram = AverageLinkage.Cluster(new AlignmentMatrix(NineItems, distances));

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
        var pairs = AverageLinkage.Cluster(NineItems, GromovWassersteinSimilarity, maxGroupSize: 2);

        Assert.Equal("1 | 2,8 | 3,6 | 4,7 | 5 | 9", Describe(pairs.Cut(6)));
        Assert.Equal(5, pairs.Cut(1).Encoders);
        Assert.All(pairs.Cut(1).Groups, group => Assert.InRange(group.Length, 1, 2));
        Assert.Empty(AverageLinkage.Cluster(NineItems, GromovWassersteinSimilarity, maxGroupSize: 1).Merges);
    }

    [Fact]
    public void Heights_are_mean_dissimilarities_and_never_fall()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            var (items, similarity) = RandomSimilarity(random);
            int? limit = random.Next(2) == 0 ? null : random.Next(1, items.Length + 1);
            var merges = AverageLinkage.Cluster(items, similarity, limit).Merges;
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
        var crooked = Assert.Throws<ArgumentException>(() => AverageLinkage.Cluster(["a", "b"], [[1, .2], [.3, 1]]));
        Assert.Contains("'a' and 'b'", crooked.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => AverageLinkage.Cluster(["a", "b"], [[1, double.NaN], [double.NaN, 1]]));
        Assert.Throws<ArgumentException>(() => AverageLinkage.Cluster(["a", "b"], [[1, .2]]));
    }

    static (ImmutableArray<string>, ImmutableArray<ImmutableArray<double>>) RandomSimilarity(Random random)
    {
        var count = random.Next(1, 12);
        var values = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j <= i; j++)
                values[i, j] = values[j, i] = random.Next(0, 11) / 10.0;
        }
        return (
            [.. Enumerable.Range(0, count).Select(i => $"item {i}")],
            [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count).Select(j => values[i, j]).ToImmutableArray())]);
    }

    static string Plan(ImmutableArray<ImmutableArray<double>> similarity, int groups) =>
        Describe(AverageLinkage.Cluster(NineItems, similarity).Cut(groups));

    static string Describe(MergePlan plan) => string.Join(" | ", plan.Groups.Select(group => string.Join(',', group)));
}
