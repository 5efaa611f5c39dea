using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging;

/// <summary>What a merge did and what it cost, item by item and in total.</summary>
public sealed record MergeReport
{
    /// <summary>How the encoders of a group became one; null in reports of earlier versions.</summary>
    public MethodReport? Method { get; init; }

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

    /// <summary>
    /// Means over the items that share their encoder with another; null where none does. An item left alone keeps its own score and flatters the
    /// mean over all.
    /// </summary>
    public TotalReport? MergedOnly { get; init; }

    /// <summary>Encoders kept.</summary>
    public required int Encoders { get; init; }

    /// <summary>Parameters of the encoders and heads kept.</summary>
    public required long Parameters { get; init; }

    /// <summary>Size of the bundle on disk, in bytes; 0 where none was written.</summary>
    public long Bytes { get; init; }

    /// <summary>Encoder time per test response when scored in batches on this machine's threads, in milliseconds.</summary>
    public required double MillisecondsPerResponse { get; init; }

    /// <summary>
    /// What is served against the items' own models and the frozen base, with intervals and p-values; null in reports of earlier versions.
    /// </summary>
    public ComparisonReport? Comparison { get; init; }

    /// <summary>The methods that were tried; null where the recipe names one.</summary>
    public SearchReport? Search { get; init; }

    /// <summary>What someone should know before the bundle is activated, in plain sentences.</summary>
    public ImmutableArray<string> Warnings { get; init; } = [];

    /// <summary>The same report with further warnings.</summary>
    /// <param name="warnings">Plain sentences.</param>
    public MergeReport Warn(params IEnumerable<string> warnings) => this with { Warnings = Warnings.AddRange(warnings) };
}

/// <summary>The method of a merge.</summary>
/// <param name="Name">Its name in a recipe.</param>
/// <param name="Parameters">The object that the recipe gives, name and parameters.</param>
/// <param name="Provenance">Where the method comes from and how it was carried out, in a sentence; null where there is nothing to add.</param>
public sealed record MethodReport(string Name, JsonElement Parameters, string? Provenance = null)
{
    /// <summary>The method that <c>auto</c> chose, as a recipe has it; null where the recipe names one.</summary>
    public JsonElement? Chosen { get; init; }

    /// <summary>What the method found out about models and routers, for each encoder where it did; empty in reports of earlier versions.</summary>
    public ImmutableArray<EncoderFindings> Findings { get; init; } = [];
}

/// <summary>What a method found out while it made an encoder.</summary>
/// <param name="Encoder">Name of the encoder in the bundle.</param>
/// <param name="Changes">How far fine-tuning moved attention and MLP of each layer; null where the method did not measure it.</param>
/// <param name="Routing">What the routers give; null where there are none.</param>
public sealed record EncoderFindings(string Encoder, ImmutableArray<ModuleChange>? Changes, RoutingFindings? Routing);

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

    /// <summary>Groups that the dendrogram was cut into, before any item was taken out by the floor; null in reports of earlier versions.</summary>
    public int? PlannedGroups { get; init; }
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

    /// <summary>Its title; may be empty.</summary>
    public string Title { get; init; } = "";

    /// <summary>Name of the encoder that serves it.</summary>
    public required string Encoder { get; init; }

    /// <summary>Whether it shares that encoder with another item.</summary>
    public required bool Merged { get; init; }

    /// <summary>Whether the floor took it out of a group that it had been planned into.</summary>
    public bool Unmerged { get; init; }

    /// <summary>
    /// Whether it holds the recipe's floor on validation; null where the recipe has none or there is no model of its own to compare with.
    /// </summary>
    public bool? HoldsFloor { get; init; }

    /// <summary>Its own model; null where it has none.</summary>
    public SplitScores? Own { get; init; }

    /// <summary>The base model's encoder with a fitted head: what no merge may fall behind.</summary>
    public required SplitScores FrozenBase { get; init; }

    /// <summary>What the bundle serves.</summary>
    public required SplitScores Served { get; init; }

    /// <summary>95 % intervals of what the bundle serves on test, by bootstrap over responses; null without test responses.</summary>
    public PerMetric<Interval>? Intervals { get; init; }

    /// <summary>The share of fine-tuning's gain in QWK on test that is kept; null where fine-tuning gained nothing.</summary>
    public double? RecoveredGain { get; init; }

    /// <summary>The same in macro F1.</summary>
    public double? RecoveredGainMacroF1 { get; init; }

    /// <summary>Agreement on each label of what is served on test; empty without test responses.</summary>
    public ImmutableArray<LabelAgreement> Labels { get; init; } = [];

    /// <summary>How logits become probabilities and decisions, and how honest the probabilities are; null in reports of earlier versions.</summary>
    public ItemCalibration? Calibration { get; init; }

    /// <summary>Puts together what is known of an item.</summary>
    /// <param name="item">The item as it is served.</param>
    /// <param name="own">Its own model's scores; null where it has none.</param>
    /// <param name="frozenBase">The frozen base's scores.</param>
    /// <param name="encoder">Name of the encoder that serves it.</param>
    /// <param name="merged">Whether it shares that encoder.</param>
    internal static ItemReport Of(FittedItem item, SplitScores? own, SplitScores frozenBase, string encoder, bool merged) => new()
    {
        ItemId = item.Item.Id,
        Title = item.Item.Data.Item.Title,
        Encoder = encoder,
        Merged = merged,
        Own = own,
        FrozenBase = frozenBase,
        Served = item.Scores,
        RecoveredGain = Evaluation.RecoveredGain.Of(own?.Test, frozenBase.Test, item.Scores.Test, metrics => metrics.Qwk),
        RecoveredGainMacroF1 = Evaluation.RecoveredGain.Of(own?.Test, frozenBase.Test, item.Scores.Test, metrics => metrics.MacroF1),
        Labels = item.Scores.TestPredictions?.ByLabel() ?? [],
        Calibration = item.Scores.Calibration,
    };
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

    /// <summary>The same in macro F1.</summary>
    public double? RecoveredGainMacroF1 { get; init; }

    /// <summary>The means weighted by each item's number of test responses; null in reports of earlier versions.</summary>
    public WeightedTotal? Weighted { get; init; }

    /// <summary>Means over some items' test metrics.</summary>
    internal static TotalReport Of(ImmutableArray<ItemReport> items)
    {
        var (equally, bySize) = (Means(MetricSet.Mean), Means(MetricSet.WeightedMean));
        return new()
        {
            Items = items.Length,
            Own = equally.Own,
            FrozenBase = equally.FrozenBase,
            Served = equally.Served,
            RecoveredGain = equally.Gain(metrics => metrics.Qwk),
            RecoveredGainMacroF1 = equally.Gain(metrics => metrics.MacroF1),
            Weighted = new(
                bySize.Own, bySize.FrozenBase, bySize.Served, bySize.Gain(metrics => metrics.Qwk), bySize.Gain(metrics => metrics.MacroF1)),
        };

        Compared Means(Func<IReadOnlyCollection<MetricSet>, MetricSet> mean)
        {
            return new(Over(item => item.Own?.Test), Over(item => item.FrozenBase.Test), Over(item => item.Served.Test));

            MetricSet? Over(Func<ItemReport, MetricSet?> of)
            {
                MetricSet[] metrics = [.. items.Select(of).OfType<MetricSet>()];
                return metrics.Length == items.Length && metrics.Length > 0 ? mean(metrics) : null;
            }
        }
    }

    /// <summary>The same metrics by the three ways to serve.</summary>
    readonly record struct Compared(MetricSet? Own, MetricSet? FrozenBase, MetricSet? Served)
    {
        public double? Gain(Func<MetricSet, double> metric) => Evaluation.RecoveredGain.Of(Own, FrozenBase, Served, metric);
    }
}

/// <summary>Means over items weighted by test responses, as GW-SMM reports them.</summary>
/// <param name="Own">Their own models; null where one of them has none.</param>
/// <param name="FrozenBase">The frozen base with fitted heads.</param>
/// <param name="Served">What the bundle serves.</param>
/// <param name="RecoveredGain">Recovered gain of the weighted means in QWK; null where fine-tuning gained nothing.</param>
/// <param name="RecoveredGainMacroF1">The same in macro F1.</param>
public sealed record WeightedTotal(
    MetricSet? Own, MetricSet? FrozenBase, MetricSet? Served, double? RecoveredGain, double? RecoveredGainMacroF1);
