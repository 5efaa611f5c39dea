using System.Collections.Immutable;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Heads;

/// <summary>An encoder's pooled output for labelled responses.</summary>
/// <param name="Features">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Responses">The responses, in the order of the rows.</param>
public sealed record LabelledFeatures(Tensor Features, ImmutableArray<LabelledResponse> Responses)
{
    /// <summary>These rows, then those.</summary>
    internal LabelledFeatures And(LabelledFeatures others) => new(
        new([Responses.Length + others.Responses.Length, Features.Shape[1]], [.. Features.Values, .. others.Features.Values]),
        [.. Responses, .. others.Responses]);

    /// <summary>The rows at some positions.</summary>
    internal LabelledFeatures At(int[] positions)
    {
        var hidden = Features.Shape[1];
        var values = new float[positions.Length * hidden];
        for (var row = 0; row < positions.Length; row++)
            Features.Values.AsSpan(positions[row] * hidden, hidden).CopyTo(values.AsSpan(row * hidden));
        return new(new([positions.Length, hidden], values), [.. positions.Select(position => Responses[position])]);
    }
}

/// <summary>The head chosen for an item.</summary>
/// <param name="Head">The head, for features as they come from the encoder.</param>
/// <param name="Regularization">The λ it was fitted with; null when the starting head was kept.</param>
public sealed record FittedHead(Head Head, double? Regularization);

/// <summary>
/// Fits one item's linear head on cached features to convergence: logistic regression, multinomial or one sigmoid a label, minimizing
/// mean loss + λ/2 ‖W‖² over standardized features, the bias unpenalized. λ falls along a logarithmic grid, each fit starting from the last;
/// the one whose scores agree best with people's in cross-validation (QWK) wins, the stronger of equals.
/// </summary>
/// <remarks>
/// The training responses alone decide: a tenth of them held out is too few to choose λ by, and validation later judges whether a merged item holds its floor.
/// Agreement and not likelihood decides, because the likelihood of a rare class is served by a λ so strong that the class is never given.
/// </remarks>
public static class HeadFitter
{
    const int Folds = 5;

    // Mean-loss units; the gradient of an untrained head is of the order of 0.1. Folds only rank λ.
    const double GradientTolerance = 1e-6, FoldTolerance = 1e-4;

    /// <summary>The λ that are tried, strongest first.</summary>
    public static ImmutableArray<double> Grid { get; } = [1, .5, .2, .1, .05, .02, .01, .003];

    /// <summary>Fits an item's head.</summary>
    /// <param name="item">The item, for its labels and its kind.</param>
    /// <param name="train">What the head is fitted to; at least one response.</param>
    /// <param name="stop">Ends the fit between two steps.</param>
    /// <exception cref="ArgumentException">No responses, or features that do not belong to them.</exception>
    public static FittedHead Fit(Item item, LabelledFeatures train, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        Check(item, train, "training");
        var predicted = Grid.Select(_ => new ImmutableArray<bool>[train.Responses.Length]).ToArray();
        for (var fold = 0; fold < Math.Min(Folds, train.Responses.Length); fold++)
        {
            var positions = Enumerable.Range(0, train.Responses.Length).ToLookup(position => position % Folds == fold);
            int[] heldOut = [.. positions[true]];
            var (rest, features) = (positions[false].Any() ? train.At([.. positions[false]]) : train, train.At(heldOut).Features);
            foreach (var (index, head) in Path(item, rest, Grid.Length, FoldTolerance, stop).Index())
            {
                foreach (var (row, labels) in LinearHead.Predict(head, item.Scoring, features).Index())
                    predicted[index][heldOut[row]] = labels;
            }
        }

        ImmutableArray<bool>[] truth = [.. train.Responses.Select(response => response.Labels)];
        double[] agreement = [.. predicted.Select(labels => MetricSet.Of(item, truth, labels).Qwk)];
        var best = agreement.IndexOf(agreement.Max());
        return new(FitWith(item, train, Grid[best], stop), Grid[best]);
    }

    /// <summary>Fits an item's head with a regularization chosen before.</summary>
    /// <param name="item">The item, for its labels and its kind.</param>
    /// <param name="data">What the head is fitted to; at least one response.</param>
    /// <param name="regularization">λ, one of <see cref="Grid"/>.</param>
    /// <param name="stop">Ends the fit between two steps.</param>
    public static Head FitWith(Item item, LabelledFeatures data, double regularization, CancellationToken stop = default) =>
        Path(item, data, Grid.IndexOf(regularization) + 1, GradientTolerance, stop).Last();

    /// <summary>Fits an item's head, unless the one it has serves the validation responses better, both at their best temperature.</summary>
    /// <param name="item">The item, for its labels and its kind.</param>
    /// <param name="train">What the head is fitted to; at least one response.</param>
    /// <param name="validation">What decides between the two; the fitted head is taken where there is none.</param>
    /// <param name="start">The head the item has.</param>
    /// <param name="stop">Ends the fit between two steps.</param>
    /// <exception cref="ArgumentException">No training responses, or features that do not belong to them.</exception>
    public static FittedHead Refit(Item item, LabelledFeatures train, LabelledFeatures validation, Head start, CancellationToken stop = default)
    {
        var fitted = Fit(item, train, stop);
        if (validation.Responses.IsEmpty)
            return fitted;
        Check(item, validation, "validation");
        return CalibratedLoss(item, start, validation) < CalibratedLoss(item, fitted.Head, validation) ? new(start, null) : fitted;
    }

    /// <summary>The heads along the grid, each fitted from the last.</summary>
    static IEnumerable<Head> Path(Item item, LabelledFeatures train, int length, double tolerance, CancellationToken stop)
    {
        var problem = new LogisticRegression(item, train);
        var parameters = new double[problem.Parameters];
        foreach (var regularization in Grid.Take(length))
        {
            LimitedMemoryBfgs.Minimize((x, gradient) => problem.Evaluate(x, regularization, gradient), parameters, tolerance, stop);
            yield return problem.ToHead(parameters);
        }
    }

    static double CalibratedLoss(Item item, Head head, LabelledFeatures data)
    {
        var targets = data.Responses.SelectMany(response => response.Labels.Select(holds => holds ? 1f : 0f)).ToArray();
        return TemperatureScaling.Fit(item.Scoring, LinearHead.Logits(head, data.Features).Values, targets, head.Labels).Loss;
    }

    static void Check(Item item, LabelledFeatures data, string split)
    {
        ArgumentNullException.ThrowIfNull(data);
        if (data.Responses.IsEmpty)
            throw new ArgumentException($"Item '{item.Id}' has no {split} responses to fit a head with. Upload some.");
        if (data.Features.Shape is not [var rows, _] || rows != data.Responses.Length)
        {
            throw new ArgumentException(
                $"The {split} features of item '{item.Id}' are {data.Features.Describe()}; "
                + $"one row for each of its {data.Responses.Length} responses is needed.");
        }
    }
}
