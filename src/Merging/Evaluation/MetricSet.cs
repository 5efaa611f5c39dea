using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Evaluation;

/// <summary>How well an item's responses are scored, or the mean over items.</summary>
public sealed record MetricSet
{
    /// <summary>Share of responses whose labels are all right: the right class, or, in a multi-label item, every label right. 0 to 1.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean F1 over the labels, 0 where undefined. 0 to 1.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>F1 over all cells. 0 to 1.</summary>
    public required double MicroF1 { get; init; }

    /// <summary>The same as <see cref="Accuracy"/>, under the name it has for analytic rubrics.</summary>
    public required double ExactMatch { get; init; }

    /// <summary>Share of right cells, responses × labels. 0 to 1.</summary>
    public required double PerLabelAccuracy { get; init; }

    /// <summary>Quadratic weighted kappa of the scores, −1 to 1; in a multi-label item the score is the sum of the present labels' points.</summary>
    public required double Qwk { get; init; }

    /// <summary>Standardized mean difference of the scores; null where it is undefined.</summary>
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
        double[] given = [.. truth.Select(labels => Points(item, labels))], scored = [.. predicted.Select(labels => Points(item, labels))];
        var exactMatch = Metrics.ExactMatch(truth, predicted);
        return new MetricSet
        {
            Accuracy = exactMatch,
            MacroF1 = Metrics.MacroF1(truth, predicted),
            MicroF1 = Metrics.MicroF1(truth, predicted),
            ExactMatch = exactMatch,
            PerLabelAccuracy = Metrics.PerLabelAccuracy(truth, predicted),
            Qwk = Metrics.QuadraticWeightedKappa(given, scored),
            Smd = Metrics.StandardizedMeanDifference(given, scored),
            N = truth.Count,
        };
    }

    /// <summary>Evaluates a head on the pooled features of labelled responses.</summary>
    /// <param name="item">The item.</param>
    /// <param name="head">Its head.</param>
    /// <param name="features">Pooled encoder output <c>[responses, hidden]</c>.</param>
    /// <param name="responses">The responses, in the order of the features' rows.</param>
    public static MetricSet Of(Item item, Head head, Tensor features, ImmutableArray<LabelledResponse> responses) =>
        Of(item, [.. responses.Select(response => response.Labels)], LinearHead.Predict(head, item.Scoring, features));

    /// <summary>The unweighted mean over items; <see cref="N"/> is the sum, and items without <see cref="Smd"/> are left out of that mean.</summary>
    public static MetricSet Mean(IReadOnlyCollection<MetricSet> items) => new()
    {
        Accuracy = items.Average(item => item.Accuracy),
        MacroF1 = items.Average(item => item.MacroF1),
        MicroF1 = items.Average(item => item.MicroF1),
        ExactMatch = items.Average(item => item.ExactMatch),
        PerLabelAccuracy = items.Average(item => item.PerLabelAccuracy),
        Qwk = items.Average(item => item.Qwk),
        Smd = items.Average(item => item.Smd),
        N = items.Sum(item => item.N),
    };

    static double Points(Item item, ImmutableArray<bool> labels) => item.Points.Zip(labels, (points, holds) => holds ? points : 0).Sum();
}
