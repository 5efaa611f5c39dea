using System.Collections.Immutable;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// Agreement between predicted labels or scores and those that people gave. Labels come as one row a response, with one cell a label of the item;
/// in a multi-class item exactly one cell of a row holds. All need at least one response.
/// </summary>
public static class Metrics
{
    /// <summary>Share of responses whose labels are all right. For a multi-class item this is accuracy. 0 to 1.</summary>
    public static double ExactMatch(IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted) =>
        truth.Zip(predicted, (t, p) => t.AsSpan().SequenceEqual(p.AsSpan()) ? 1.0 : 0).Average();

    /// <summary>Share of all cells, responses × labels, that are right. 0 to 1.</summary>
    public static double PerLabelAccuracy(IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted) =>
        truth.Zip(predicted, (t, p) => t.Zip(p, (a, b) => a == b ? 1.0 : 0).Average()).Average();

    /// <summary>F1 over all cells: 2 ΣTP / (2 ΣTP + ΣFP + ΣFN), 0 where undefined. For a multi-class item this is accuracy. 0 to 1.</summary>
    public static double MicroF1(IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted)
    {
        var counts = CountByLabel(truth, predicted);
        return F1((counts.Sum(c => c.Both), counts.Sum(c => c.One)));
    }

    /// <summary>Mean over the item's labels of each one's F1, which is 0 where undefined (a label neither given nor predicted). 0 to 1.</summary>
    public static double MacroF1(IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted) =>
        CountByLabel(truth, predicted).Average(F1);

    /// <summary>
    /// Quadratic weighted kappa (Cohen 1968): 1 − Σ (tᵢ − pᵢ)² / (Σᵢⱼ (tᵢ − pⱼ)² / n). 1 is agreement, 0 what chance gives; 1 when both sides are
    /// one constant score.
    /// </summary>
    /// <remarks>With the sums over responses instead of over a confusion matrix, scores need be neither integers nor evenly spaced.</remarks>
    /// <param name="truth">People's scores.</param>
    /// <param name="predicted">Predicted scores.</param>
    public static double QuadraticWeightedKappa(IReadOnlyList<double> truth, IReadOnlyList<double> predicted)
    {
        var observed = truth.Zip(predicted, (t, p) => (t - p) * (t - p)).Average();
        var (t, p) = (MomentsOf(truth), MomentsOf(predicted));
        var byChance = t.Variance + p.Variance + ((t.Mean - p.Mean) * (t.Mean - p.Mean));
        return byChance == 0 ? 1 : 1 - (observed / byChance);
    }

    /// <summary>
    /// Standardized mean difference in the form that rsmtool reports: (mean predicted − mean given) / σ given.
    /// 0 is unbiased; beyond ±0.15 is commonly flagged. Null when the given scores do not vary but the means differ.
    /// </summary>
    /// <param name="truth">People's scores.</param>
    /// <param name="predicted">Predicted scores.</param>
    public static double? StandardizedMeanDifference(IReadOnlyList<double> truth, IReadOnlyList<double> predicted)
    {
        var (t, p) = (MomentsOf(truth), MomentsOf(predicted));
        var (difference, deviation) = (p.Mean - t.Mean, Math.Sqrt(t.Variance));
        return difference == 0 ? 0 : deviation == 0 ? null : difference / deviation;
    }

    static (double Mean, double Variance) MomentsOf(IReadOnlyList<double> scores)
    {
        var mean = scores.Average();
        return (mean, scores.Average(score => (score - mean) * (score - mean)));
    }

    /// <summary>For each label, the cells where both sides hold and those where only one does.</summary>
    static (int Both, int One)[] CountByLabel(IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted)
    {
        var counts = new (int Both, int One)[truth[0].Length];
        for (var row = 0; row < truth.Count; row++)
        {
            for (var label = 0; label < counts.Length; label++)
            {
                var (t, p) = (truth[row][label], predicted[row][label]);
                counts[label].Both += t && p ? 1 : 0;
                counts[label].One += t != p ? 1 : 0;
            }
        }
        return counts;
    }

    static double F1((int Both, int One) count) => count.Both == 0 ? 0 : 2.0 * count.Both / ((2 * count.Both) + count.One);
}
