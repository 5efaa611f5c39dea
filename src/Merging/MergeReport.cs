using System.Collections.Immutable;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging;

/// <summary>What a merge did and what it cost, item by item and in total.</summary>
public sealed record MergeReport
{
    /// <summary>Similarities of the items and what they follow from; null where the plan needed none.</summary>
    public AlignmentReport? Alignment { get; init; }

    /// <summary>Where the similarities came from outside the recipe and the models; null where they did not.</summary>
    public GroupingProvenance? Provenance { get; init; }

    /// <summary>The groups, each with the encoder it shares.</summary>
    public required ImmutableArray<GroupReport> Groups { get; init; }

    /// <summary>The items in the order of the recipe.</summary>
    public required ImmutableArray<ItemReport> Items { get; init; }

    /// <summary>Means over all items.</summary>
    public required TotalReport All { get; init; }

    /// <summary>Means over the items that share their encoder with another; null where none does. An item left alone keeps its own score and flatters the mean over all.</summary>
    public TotalReport? MergedOnly { get; init; }

    /// <summary>Encoders kept.</summary>
    public required int Encoders { get; init; }

    /// <summary>Parameters of the encoders and heads kept.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of the bundle on disk, in bytes; 0 where none was written.</summary>
    public long Bytes { get; init; }

    /// <summary>Encoder time per test response when scored in batches on this machine's threads, in milliseconds.</summary>
    public required double MillisecondsPerResponse { get; init; }
}

/// <summary>What a plan follows from: similarities, and the distances behind them.</summary>
public sealed record AlignmentReport
{
    /// <summary>The items, in the order of rows and columns.</summary>
    public required ImmutableArray<string> ItemIds { get; init; }

    /// <summary>
    /// Gromov-Wasserstein distances <c>[items, items]</c>, null for a pair that was not compared because the plan does not depend on it; null as a
    /// whole where similarities were given.
    /// </summary>
    public ImmutableArray<ImmutableArray<double?>>? Distances { get; init; }

    /// <summary>Standard deviations of the distances over several draws of responses <c>[items, items]</c>; null for one draw.</summary>
    public ImmutableArray<ImmutableArray<double?>>? Deviations { get; init; }

    /// <summary>Pairs compared, out of items · (items − 1) / 2; null where similarities were given.</summary>
    public int? PairsCompared { get; init; }

    /// <summary>
    /// Similarities as given, or distances min-max scaled to 0 (farthest pair) .. 1 (identical); null where not every pair was compared.
    /// </summary>
    public ImmutableArray<ImmutableArray<double>>? Similarity { get; init; }

    /// <summary>The order in which the items join; where not every pair was compared, up to the plan.</summary>
    public required ImmutableArray<ClusterMerge> Dendrogram { get; init; }
}

/// <summary>A group of the plan.</summary>
/// <param name="Encoder">Name of its encoder in the bundle.</param>
/// <param name="ItemIds">The items that share it.</param>
public sealed record GroupReport(string Encoder, ImmutableArray<string> ItemIds);

/// <summary>An item by its own model, by the frozen base, and merged. Choices were made on validation; test was read once.</summary>
public sealed record ItemReport
{
    /// <summary>The item.</summary>
    public required string ItemId { get; init; }

    /// <summary>Name of the encoder that serves it.</summary>
    public required string Encoder { get; init; }

    /// <summary>Whether it shares that encoder with another item.</summary>
    public required bool Merged { get; init; }

    /// <summary>Whether the floor took it out of a group that it had been planned into.</summary>
    public bool Unmerged { get; init; }

    /// <summary>Whether it holds the recipe's floor on validation; null where the recipe has none or there is no model of its own to compare with.</summary>
    public bool? HoldsFloor { get; init; }

    /// <summary>Its own model; null where it has none.</summary>
    public SplitScores? Own { get; init; }

    /// <summary>The base model's encoder with a fitted head: what no merge may fall behind.</summary>
    public required SplitScores FrozenBase { get; init; }

    /// <summary>What the bundle serves.</summary>
    public required SplitScores Served { get; init; }
}

/// <summary>Means over items of the test metrics.</summary>
public sealed record TotalReport
{
    /// <summary>Number of items.</summary>
    public required int Items { get; init; }

    /// <summary>Their own models; null where one of them has none.</summary>
    public MetricSet? Own { get; init; }

    /// <summary>The frozen base with fitted heads.</summary>
    public MetricSet? FrozenBase { get; init; }

    /// <summary>What the bundle serves.</summary>
    public MetricSet? Served { get; init; }

    /// <summary>
    /// How much of what fine-tuning gained in QWK the merge keeps: (served − frozen base) / (own − frozen base). 0: not better than no merge at all;
    /// 1: as good as the models themselves. Null where fine-tuning gained nothing.
    /// </summary>
    public double? RecoveredGain { get; init; }

    /// <summary>Means over some items' test metrics.</summary>
    internal static TotalReport Of(ImmutableArray<ItemReport> items)
    {
        MetricSet? Mean(Func<ItemReport, MetricSet?> of)
        {
            MetricSet[] metrics = [.. items.Select(of).OfType<MetricSet>()];
            return metrics.Length == items.Length && metrics.Length > 0 ? MetricSet.Mean(metrics) : null;
        }

        var (own, frozenBase, served) = (Mean(item => item.Own?.Test), Mean(item => item.FrozenBase.Test), Mean(item => item.Served.Test));
        return new()
        {
            Items = items.Length,
            Own = own,
            FrozenBase = frozenBase,
            Served = served,
            RecoveredGain = own?.Qwk > frozenBase?.Qwk ? (served?.Qwk - frozenBase?.Qwk) / (own?.Qwk - frozenBase?.Qwk) : null,
        };
    }
}
