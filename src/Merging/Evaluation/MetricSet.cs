using System.Collections.Immutable;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Evaluation;

/// <summary>How well an item's responses are scored, or the mean over items.</summary>
public sealed record MetricSet
{
    /// <summary>Share of responses whose labels are all right: the right class, or, in a multi-label item, every label right. 0 to 1.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean F1 over the labels, each 0 where undefined (a label neither given nor predicted). 0 to 1.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>F1 over all cells: 2 ΣTP / (2 ΣTP + ΣFP + ΣFN). For a multi-class item this is accuracy. 0 to 1.</summary>
    public required double MicroF1 { get; init; }

    /// <summary>The same as <see cref="Accuracy"/>, under the name it has for analytic rubrics.</summary>
    public required double ExactMatch { get; init; }

    /// <summary>Share of right cells, responses × labels. 0 to 1.</summary>
    public required double PerLabelAccuracy { get; init; }

    /// <summary>
    /// Quadratic weighted kappa of the scores (Cohen 1968): 1 − Σ (tᵢ − pᵢ)² / (Σᵢⱼ (tᵢ − pⱼ)² / n). 1 is agreement, 0 what chance gives; 1 when
    /// both sides
    /// are one constant score. In a multi-label item the score is the sum of the present labels' points.
    /// </summary>
    /// <remarks>With the sums over responses instead of over a confusion matrix, scores need be neither integers nor evenly spaced.</remarks>
    public required double Qwk { get; init; }

    /// <summary>
    /// Standardized mean difference of the scores in the form that rsmtool reports: (mean predicted − mean given) / σ given. 0 is unbiased; beyond
    /// ±0.15 is commonly flagged. Null when the given scores do not vary but the means differ.
    /// </summary>
    public required double? Smd { get; init; }

    /// <summary>Responses evaluated.</summary>
    public required int N { get; init; }

    /// <summary>Compares predicted labels with those that people gave.</summary>
    /// <param name="item">The item, for the points of its labels.</param>
    /// <param name="truth">The given labels, a row for each response; at least one.</param>
    /// <param name="predicted">The predicted labels in the same order.</param>
    /// <exception cref="ArgumentException">No response, or not as many predictions.</exception>
    public static MetricSet Of(Item item, IReadOnlyList<ImmutableArray<bool>> truth, IReadOnlyList<ImmutableArray<bool>> predicted)
    {
        ArgumentNullException.ThrowIfNull(item);
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(predicted);
        if (truth.Count == 0 || truth.Count != predicted.Count)
            throw new ArgumentException(
                $"Item '{item.Id}' has {truth.Count} labelled responses and {predicted.Count} predictions; as many are needed, and at least one.");
        var sums = new double[Tally.Width(item.Labels.Length)];
        for (var row = 0; row < truth.Count; row++)
            Tally.Add(item, truth[row], predicted[row], sums);
        return Tally.ToMetrics(sums);
    }

    /// <summary>The unweighted mean over items; <see cref="N"/> is the sum, and items without <see cref="Smd"/> are left out of that mean.</summary>
    public static MetricSet Mean(IReadOnlyCollection<MetricSet> items) => Mean(items, _ => 1);

    /// <summary>The mean over items weighted by their number of responses, as GW-SMM's headline numbers are.</summary>
    public static MetricSet WeightedMean(IReadOnlyCollection<MetricSet> items) => Mean(items, item => item.N);

    static MetricSet Mean(IReadOnlyCollection<MetricSet> items, Func<MetricSet, double> weight)
    {
        double Over(Func<MetricSet, double> metric) => items.Sum(item => weight(item) * metric(item)) / items.Sum(weight);

        MetricSet[] defined = [.. items.Where(item => item.Smd is not null)];
        return new()
        {
            Accuracy = Over(item => item.Accuracy),
            MacroF1 = Over(item => item.MacroF1),
            MicroF1 = Over(item => item.MicroF1),
            ExactMatch = Over(item => item.ExactMatch),
            PerLabelAccuracy = Over(item => item.PerLabelAccuracy),
            Qwk = Over(item => item.Qwk),
            Smd = defined.Length == 0 ? null : defined.Sum(item => weight(item) * item.Smd!.Value) / defined.Sum(weight),
            N = items.Sum(item => item.N),
        };
    }
}
