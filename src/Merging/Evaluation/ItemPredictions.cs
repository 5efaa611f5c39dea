using System.Collections.Immutable;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Evaluation;

/// <summary>The labels that people gave an item's responses, and those that one model predicts.</summary>
/// <param name="Item">The item.</param>
/// <param name="Truth">Given labels, a row for each response.</param>
/// <param name="Predicted">Predicted labels in the same order.</param>
public sealed record ItemPredictions(
    Item Item, ImmutableArray<ImmutableArray<bool>> Truth, ImmutableArray<ImmutableArray<bool>> Predicted)
{
    /// <summary>How well the two agree.</summary>
    public MetricSet Metrics() => MetricSet.Of(Item, Truth, Predicted);

    /// <summary>How well they agree on each label.</summary>
    public ImmutableArray<LabelAgreement> ByLabel() => [.. Item.Labels.Select((name, label) =>
    {
        var cells = Truth.Zip(Predicted, (t, p) => (Given: t[label], Predicted: p[label])).ToArray();
        return new LabelAgreement(
            name,
            cells.Count(cell => cell.Given),
            cells.Count(cell => cell.Predicted),
            Tally.F1(cells.Count(cell => cell.Given && cell.Predicted), cells.Count(cell => cell.Given != cell.Predicted)),
            cells.Average(cell => cell.Given == cell.Predicted ? 1.0 : 0));
    })];

    /// <summary>One row of sums for each response.</summary>
    internal double[][] Tallies() => [.. Truth.Zip(Predicted, (truth, predicted) =>
    {
        var row = new double[Tally.Width(Item.Labels.Length)];
        Tally.Add(Item, truth, predicted, row);
        return row;
    })];
}

/// <summary>Agreement on one label of an item.</summary>
/// <param name="Label">The label.</param>
/// <param name="Given">Responses that people gave it.</param>
/// <param name="Predicted">Responses that it is predicted for.</param>
/// <param name="F1">2 TP / (2 TP + FP + FN), 0 where undefined. 0 to 1.</param>
/// <param name="Accuracy">Share of responses on which the two agree. 0 to 1.</param>
public sealed record LabelAgreement(string Label, int Given, int Predicted, double F1, double Accuracy);
