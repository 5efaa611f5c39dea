using System.Collections.Immutable;
using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Heads;

/// <summary>An encoder's pooled output for labelled responses.</summary>
/// <param name="Features">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Responses">The responses, in the order of the rows.</param>
public sealed record LabelledFeatures(Tensor Features, ImmutableArray<LabelledResponse> Responses);

/// <summary>The head chosen for an item.</summary>
/// <param name="Head">The head, for features as they come from the encoder.</param>
/// <param name="Regularization">The λ it was fitted with; null when the starting head was kept.</param>
/// <param name="ValidationLoss">Its mean negative log-likelihood on the validation responses, in nats.</param>
public sealed record FittedHead(Head Head, double? Regularization, double ValidationLoss);

/// <summary>
/// Fits one item's linear head on cached features to convergence: logistic regression, multinomial or one sigmoid a label, minimizing
/// mean loss + λ/2 ‖W‖² over standardized features, the bias unpenalized. λ falls along a logarithmic grid, each fit starting from the last;
/// the one with the least loss on validation responses wins, the stronger of equals.
/// </summary>
/// <remarks>
/// The chosen head has seen the training responses only: validation decides λ, and later whether a merged item holds its floor, so it must stay
/// unseen.
/// </remarks>
public static class HeadFitter
{
    // Mean-loss units; the gradient of an untrained head is of the order of 0.1.
    const double GradientTolerance = 1e-6;

    /// <summary>The λ that are tried, strongest first.</summary>
    public static ImmutableArray<double> Grid { get; } = [1, .5, .2, .1, .05, .02, .01, .003];

    /// <summary>Fits an item's head.</summary>
    /// <param name="item">The item, for its labels and its kind.</param>
    /// <param name="train">What the head is fitted to; at least one response.</param>
    /// <param name="validation">What decides; at least one response.</param>
    /// <param name="start">A head that competes as it is, and stays if no fit has a lower loss on the validation responses; null for none.</param>
    /// <param name="stop">Ends the fit between two steps.</param>
    /// <exception cref="ArgumentException">No responses, or features that do not belong to them.</exception>
    public static FittedHead Fit(Item item, LabelledFeatures train, LabelledFeatures validation, Head? start = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(item);
        Check(item, train, "training");
        Check(item, validation, "validation");
        var problem = new LogisticRegression(item, train);
        var parameters = new double[problem.Parameters];
        var best = start is null ? null : new FittedHead(start, null, Loss(item, start, validation));
        foreach (var regularization in Grid)
        {
            LimitedMemoryBfgs.Minimize((x, gradient) => problem.Evaluate(x, regularization, gradient), parameters, GradientTolerance, stop);
            var head = problem.ToHead(parameters);
            var loss = Loss(item, head, validation);
            if (best is null || loss < best.ValidationLoss)
                best = new FittedHead(head, regularization, loss);
        }
        return best!;
    }

    /// <summary>Mean negative log-likelihood of a head, in nats.</summary>
    static double Loss(Item item, Head head, LabelledFeatures data)
    {
        var logits = LinearHead.Logits(head, data.Features).Values;
        Span<double> row = new double[head.Labels];
        var loss = 0.0;
        for (var i = 0; i < data.Responses.Length; i++)
        {
            TensorPrimitives.ConvertTruncating<float, double>(logits.AsSpan(i * row.Length, row.Length), row);
            loss += LogisticLoss.ToGradient(item.Scoring, row, data.Responses[i].Labels.AsSpan());
        }
        return loss / data.Responses.Length;
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
