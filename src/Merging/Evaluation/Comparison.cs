using System.Collections.Immutable;

namespace ScoringService.Merging.Evaluation;

/// <summary>What is served against what it replaces, on the same test responses, with what chance leaves open.</summary>
/// <param name="All">Means over all items; null where an item has no test responses.</param>
/// <param name="MergedOnly">Means over the items that share an encoder; null where none does, or one has no test responses.</param>
public sealed record ComparisonReport(TotalComparison? All, TotalComparison? MergedOnly)
{
    /// <summary>Draws of responses behind every interval.</summary>
    public int Resamples { get; init; } = PairedBootstrap.DefaultResamples;

    /// <summary>Exchanges of predictions behind every p-value, at most; fewer where fewer enumerate them all.</summary>
    public int Permutations { get; init; } = PairedPermutation.DefaultPermutations;

    /// <summary>Seed of both.</summary>
    public int Seed { get; init; }
}

/// <summary>Unweighted means over items of what is served, and how they differ from those of the references.</summary>
/// <param name="Served">95 % intervals of the means.</param>
/// <param name="VersusOwn">Against the items' own models; null where one of them has none.</param>
/// <param name="VersusFrozenBase">Against the frozen base with fitted heads.</param>
/// <param name="RecoveredGain">
/// 95 % interval of the share of fine-tuning's gain in QWK that is kept; null where that gain is not clearly above 0.
/// </param>
/// <param name="RecoveredGainMacroF1">The same in macro F1.</param>
public sealed record TotalComparison(
    PerMetric<Interval> Served,
    PerMetric<Difference>? VersusOwn,
    PerMetric<Difference> VersusFrozenBase,
    Interval? RecoveredGain,
    Interval? RecoveredGainMacroF1);

/// <summary>How a mean over items differs between two methods.</summary>
/// <param name="Value">Served minus reference.</param>
/// <param name="Low">Lower end of the 95 % interval by paired bootstrap over responses.</param>
/// <param name="High">Its upper end.</param>
/// <param name="PValue">Two-sided p-value by paired permutation of predictions: how often chance alone makes a difference this large. 0 to 1.</param>
public sealed record Difference(double Value, double Low, double High, double PValue);

/// <summary>Puts intervals and p-values to a report's items.</summary>
static class Comparison
{
    const int Served = 0, FrozenBase = 1, Own = 2;

    /// <summary>Compares items by their predictions on test responses.</summary>
    /// <param name="items">The items as evaluated, predictions at hand.</param>
    /// <param name="seed">Seed of resamples and exchanges.</param>
    /// <returns>The items with the intervals of what is served, and the comparison of the totals.</returns>
    public static (ImmutableArray<ItemReport> Items, ComparisonReport Report) Of(ImmutableArray<ItemReport> items, int seed)
    {
        // Each item draws from its own seed, so that an item's interval does not depend on which others it is merged with.
        var resampled = items.Select((item, index) => Predictions(item) is { } methods ? PairedBootstrap.Of(methods, seed + index) : null).ToArray();
        ImmutableArray<ItemReport> withIntervals =
            [.. items.Zip(resampled, (item, bootstrap) => item with { Intervals = bootstrap?.Of(Served) })];
        bool[] merged = [.. items.Select(item => item.Merged)];
        return (withIntervals, new ComparisonReport(Total(_ => true), merged.Any(m => m) ? Total(index => merged[index]) : null) { Seed = seed });

        TotalComparison? Total(Func<int, bool> includes)
        {
            int[] chosen = [.. Enumerable.Range(0, items.Length).Where(includes)];
            if (chosen.Length == 0 || chosen.Any(index => resampled[index] is null))
                return null;
            var means = PairedBootstrap.Mean([.. chosen.Select(index => resampled[index]!)]);
            ItemReport[] ofTotal = [.. chosen.Select(index => items[index])];
            var own = ofTotal.All(item => item.Own?.TestPredictions is not null);
            return new(
                means.Of(Served),
                own ? Against(Own, item => item.Own!) : null,
                Against(FrozenBase, item => item.FrozenBase),
                own ? means.RecoveredGain(Served, FrozenBase, Own, PerMetric.Qwk) : null,
                own ? means.RecoveredGain(Served, FrozenBase, Own, PerMetric.MacroF1) : null);

            PerMetric<Difference> Against(int reference, Func<ItemReport, SplitScores> scores)
            {
                var intervals = means.Difference(Served, reference);
                var pValues = PairedPermutation.PValues(
                    [.. ofTotal.Select(item => (item.Served.TestPredictions!, scores(item).TestPredictions!))], seed);
                var (served, others) = (
                    MetricSet.Mean([.. ofTotal.Select(item => item.Served.Test!)]), MetricSet.Mean([.. ofTotal.Select(item => scores(item).Test!)]));
                return PerMetric.Of(metric =>
                {
                    var (interval, read) = (intervals.At(metric), PerMetric.Readings[metric]);
                    return new Difference(read(served) - read(others), interval.Low, interval.High, pValues.At(metric));
                });
            }
        }
    }

    /// <summary>Served, frozen base and own, in this order; what is served stands in for an own model that there is not, and is not read.</summary>
    static ItemPredictions[]? Predictions(ItemReport item) =>
        item.Served.TestPredictions is { } served && item.FrozenBase.TestPredictions is { } frozenBase
            ? [served, frozenBase, item.Own?.TestPredictions ?? served]
            : null;
}
