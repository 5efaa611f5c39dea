using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Api.Jobs;
using ScoringService.Merging;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Planning;

namespace ScoringService.Api.Tests.Merging;

/// <summary>Made-up reports: items on a line, so that neighbours join first.</summary>
static class Reports
{
    /// <summary>The job of a report.</summary>
    public static JobView Job(string note = "") => new()
    {
        Id = "019a3c5e7d1b7c3e9f0a4b6c8d2e1f00",
        Kind = "merge",
        State = JobState.Succeeded,
        Progress = 1,
        Attempt = 1,
        CreatedAt = new(2026, 5, 17, 9, 30, 0, TimeSpan.Zero),
        Recipe = JsonSerializer.SerializeToElement(new { note, floor = new { metric = "qwk", maxDrop = 0.02, onBreach = "keep" } }),
    };

    /// <summary>A report over items with these ids: pairs of neighbours share an encoder, an odd one out stands alone.</summary>
    public static MergeReport Of(params string[] ids)
    {
        ImmutableArray<ItemReport> items = [.. ids.Select((id, index) => Item(id, index, merged: index / 2 * 2 + 1 < ids.Length))];
        return new()
        {
            Method = new("simple-average", JsonSerializer.SerializeToElement(new { name = "simple-average" })),
            Alignment = Alignment(ids),
            Groups = [.. ids.Chunk(2).Select((pair, group) => new GroupReport($"e{group}", [.. pair]))],
            Items = items,
            All = Total(items),
            MergedOnly = Total(items.RemoveAll(item => !item.Merged)),
            Encoders = (ids.Length + 1) / 2,
            Parameters = 22_000_000L * ((ids.Length + 1) / 2),
            Bytes = 88_000_000L * ((ids.Length + 1) / 2),
            MillisecondsPerResponse = 3.21,
            Comparison = new(Comparison(.012), Comparison(.012)),
        };
    }

    /// <summary>The same with the methods that were tried.</summary>
    public static MergeReport Searched(params (string Name, double? Qwk, double Megabytes, bool? HoldsFloor, bool Chosen)[] candidates) =>
        Of("a", "b", "c") with
    {
        Search = new([.. candidates.Select(candidate => new SearchCandidate
        {
            Name = candidate.Name,
            Method = JsonSerializer.SerializeToElement(new { name = candidate.Name }),
            ValidationQwk = candidate.Qwk,
            Bytes = (long)(candidate.Megabytes * 1e6),
            HoldsFloor = candidate.HoldsFloor,
            Seconds = 12.5,
            Chosen = candidate.Chosen,
        })]),
    };

    /// <summary>What a routed method found out about an encoder for the items a and b.</summary>
    public static EncoderFindings Findings(string encoder) => new(
        encoder,
        [new(0, new(1.25, .00123), new(2.5, .0025))],
        new([new(0, "b", .7, .5, .9)], [new("a", [.4, .6], [.5, .5]), new("b", [.5, .5], [.5, .5])], []));

    /// <summary>Intervals and p-values with one difference from the frozen base.</summary>
    /// <param name="low">Lower end of its interval; it is .02 there and .04 wide.</param>
    public static TotalComparison Comparison(double low)
    {
        var (own, frozenBase) = (new Difference(-.031, -.045, -.016, .0004), new Difference(low + .02, low, low + .04, .0123));
        return new(Each(new Interval(.815, .861)), Each(own), Each(frozenBase), new(.12, .58), new(.1, .6));
    }

    static ItemReport Item(string id, int index, bool merged)
    {
        var (own, frozenBase, served) = (Scores(.9 - (.02 * index)), Scores(.8 - (.03 * index)), Scores(.85 - (.02 * index)));
        return new()
        {
            ItemId = id,
            Title = $"Title of {id}",
            Encoder = $"e{index / 2}",
            Merged = merged,
            HoldsFloor = index != 1,
            Own = own,
            FrozenBase = frozenBase,
            Served = served,
            Intervals = Each(new Interval(served.Test!.Qwk - .06, served.Test.Qwk + .05)),
            RecoveredGain = .4321,
            RecoveredGainMacroF1 = .5,
            Labels = [new("0", 40, 38, .9, .92), new("1", 60, 62, .8, .85)],
            Calibration = new(new() { Temperature = 1.25f, Thresholds = [] }, 85, new(.061, .31), new(.024, .28)),
        };
    }

    static SplitScores Scores(double qwk) => new(Metrics(qwk - .01), Metrics(qwk));

    static MetricSet Metrics(double qwk) => new()
    {
        Accuracy = qwk + .04,
        MacroF1 = qwk - .01,
        MicroF1 = qwk + .04,
        ExactMatch = qwk + .04,
        PerLabelAccuracy = qwk + .05,
        Qwk = qwk,
        Smd = -.03,
        N = 212,
    };

    static TotalReport Total(ImmutableArray<ItemReport> items)
    {
        MetricSet Mean(Func<ItemReport, SplitScores> of) => MetricSet.Mean([.. items.Select(item => of(item).Test!)]);
        var (own, frozenBase, served) = (Mean(item => item.Own!), Mean(item => item.FrozenBase), Mean(item => item.Served));
        return new()
        {
            Items = items.Length,
            Own = own,
            FrozenBase = frozenBase,
            Served = served,
            RecoveredGain = .4321,
            RecoveredGainMacroF1 = .5,
            Weighted = new(own, frozenBase, served, .4, .5),
        };
    }

    static AlignmentReport Alignment(string[] ids)
    {
        // Items at the places 0, 1, 4, 5, 8, 9, … of a line.
        var places = ids.Select((_, index) => (4 * (index / 2)) + (index % 2)).ToArray();
        var matrix = new AlignmentMatrix([.. ids], [.. places.Select(a => places.Select(b => Math.Abs(a - b) / 10.0).ToImmutableArray())]);
        return new()
        {
            ItemIds = matrix.ItemIds,
            Distances = [.. matrix.Distances.Select(row => row.Select(distance => (double?)distance).ToImmutableArray())],
            Similarity = matrix.Similarity,
            Dendrogram = HierarchicalClustering.Cluster(matrix).Merges,
            PlannedGroups = (ids.Length + 1) / 2,
        };
    }

    static PerMetric<T> Each<T>(T what) => new(what, what, what, what, what, what);
}
