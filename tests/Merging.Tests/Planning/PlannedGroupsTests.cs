using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Tests.Alignment;

namespace ScoringService.Merging.Tests.Planning;

public sealed class PlannedGroupsTests
{
    [Fact]
    public void The_published_plans_come_from_one_code_and_three_matrices()
    {
        Assert.Equal("1,2,8 | 3 | 4,6,7 | 5 | 9", Plan(Published.GromovWasserstein));
        Assert.Equal("1,2 | 3 | 4 | 5,6 | 7,8,9", Plan(Published.Human));
        Assert.Equal("1 | 2 | 3,4,8,9 | 5,6 | 7", Plan(Published.LanguageModel));

        static string Plan(ImmutableArray<ImmutableArray<double>> similarity) =>
            Describe(PlannedGroups.Of(new() { Strategy = GroupingStrategy.Expert, Groups = Number(5) }, Published.Items, similarity).Plan);
    }

    [Fact]
    public void Given_similarities_are_reported_with_their_dendrogram_and_without_distances()
    {
        var report = PlannedGroups.Of(new() { Groups = Number(5) }, Published.Items, Published.Human).Alignment!;

        Assert.Equal(Published.Human, report.Similarity);
        Assert.Equal(8, report.Dendrogram.Length);
        Assert.Null(report.Distances);
        Assert.Null(report.PairsCompared);
    }

    [Fact]
    public void A_pruned_plan_is_the_plan_of_all_distances()
    {
        var (compared, pairs) = (0, 0);
        for (var seed = 0; seed < 80; seed++)
        {
            var random = new Random(seed);
            var comparison = Comparison(random, random.Next(1, 9));
            var count = comparison.ItemIds.Length;
            var grouping = new GroupingRecipe
            {
                Groups = Number(random.Next(1, count + 1)),
                Linkage = (Linkage)random.Next(3),
                MaxGroupSize = random.Next(3) == 0 ? random.Next(1, 4) : null,
            };

            var whole = PlannedGroups.Of(grouping, AlignmentMatrix.Of(comparison, threads: 1));
            var pruned = PlannedGroups.Pruned(grouping, comparison, threads: 2);

            Assert.True(Describe(whole.Plan) == Describe(pruned.Plan), $"seed {seed}: {Describe(whole.Plan)} became {Describe(pruned.Plan)}");
            var (all, some) = (whole.Alignment!, pruned.Alignment!);
            Assert.Null(some.Similarity);
            Assert.Equal(count * (count - 1) / 2, all.PairsCompared);
            Assert.Equal(some.PairsCompared, UpperTriangle(count).Count(pair => some.Distances!.Value[pair.I][pair.J] is not null));
            foreach (var (i, j) in UpperTriangle(count).Where(pair => some.Distances!.Value[pair.I][pair.J] is not null))
                Assert.True(all.Distances!.Value[i][j] == some.Distances!.Value[i][j], $"seed {seed}: {i},{j}");
            (compared, pairs) = (compared + some.PairsCompared!.Value, pairs + all.PairsCompared!.Value);
        }
        Assert.InRange(compared, 1, pairs - 1);
    }

    /// <summary>Golden values: the plans that SciPy cuts from Python Optimal Transport's distances.</summary>
    [Fact]
    public void Nine_clouds_are_pruned_to_the_reference_plans()
    {
        var golden = Golden.Read("gw_golden9.json");
        ItemCloud[] clouds = [.. golden.GetProperty("clouds").EnumerateArray()
            .Select((cloud, i) => new ItemCloud(Published.Items[i], [Golden.Matrix(cloud)]))];
        var comparison = CloudComparison.Of(clouds, threads: 1);
        foreach (var plan in golden.GetProperty("plans").EnumerateObject())
        {
            var pruned = PlannedGroups.Pruned(new() { Groups = Number(int.Parse(plan.Name, provider: null)) }, comparison, threads: 1);

            var groups = plan.Value.Deserialize<int[][]>()!;
            Assert.Equal(string.Join(" | ", groups.Select(group => string.Join(',', group))), Describe(pruned.Plan));
            Assert.InRange(pruned.Alignment!.PairsCompared!.Value, 1, 36 / 2);
        }
    }

    [Fact]
    public void What_pruning_compares_does_not_depend_on_the_number_of_threads()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var comparison = Comparison(new Random(seed), 8);
            var grouping = new GroupingRecipe { Groups = Number(4) };

            var (alone, together) = (PlannedGroups.Pruned(grouping, comparison, threads: 1), PlannedGroups.Pruned(grouping, comparison, threads: 4));

            Assert.Equal(alone.Alignment!.Distances!.Value.SelectMany(row => row), together.Alignment!.Distances!.Value.SelectMany(row => row));
        }
    }

    [Fact]
    public void A_pruned_report_shows_the_spread_of_what_was_compared()
    {
        var random = new Random(3);
        ItemCloud[] clouds = [.. Enumerable.Range(0, 5).Select(i =>
            new ItemCloud($"{i}", [.. Enumerable.Range(0, 2).Select(_ => Clouds.Scaled(Clouds.Normal(random, 9, 3), 1 + (i / 2)))]))];

        var report = PlannedGroups.Pruned(new() { Groups = Number(3) }, CloudComparison.Of(clouds, 1), threads: 1).Alignment!;

        var deviations = Assert.NotNull(report.Deviations);
        Assert.All(UpperTriangle(5), pair =>
            Assert.Equal(report.Distances!.Value[pair.I][pair.J] is null, deviations[pair.I][pair.J] is null));
        Assert.Contains(UpperTriangle(5), pair => deviations[pair.I][pair.J] > 0);
    }

    static CloudComparison Comparison(Random random, int count)
    {
        var output = (GwOutput)random.Next(2);
        return CloudComparison.Of(
            [.. Enumerable.Range(0, count).Select(i =>
                new ItemCloud($"{i}", [Clouds.Scaled(Clouds.Normal(random, random.Next(3, 12), 4), 1 + random.Next(6))]))],
            threads: 1, output: output);
    }

    static IEnumerable<(int I, int J)> UpperTriangle(int count) =>
        from i in Enumerable.Range(0, count) from j in Enumerable.Range(0, i) select (j, i);

    static JsonElement Number(int groups) => JsonSerializer.SerializeToElement(groups);

    static string Describe(MergePlan plan) => string.Join(" | ", plan.Groups.Select(group => string.Join(',', group)));
}
