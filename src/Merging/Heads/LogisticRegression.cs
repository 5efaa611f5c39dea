using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Heads;

/// <summary>
/// Regularized logistic regression on one item's features, standardized. Parameters: weights <c>[labels, hidden]</c>, then biases <c>[labels]</c>.
/// </summary>
sealed class LogisticRegression
{
    readonly ScoringKind scoring;
    readonly int labels;
    readonly int hidden;
    readonly int count;
    readonly double[] features;
    readonly bool[] targets;
    readonly double[] mean;
    readonly double[] deviation;

    public LogisticRegression(Item item, LabelledFeatures data)
    {
        (scoring, labels, count, hidden) = (item.Scoring, item.Labels.Length, data.Responses.Length, data.Features.Shape[1]);
        features = new double[count * hidden];
        TensorPrimitives.ConvertTruncating<float, double>(data.Features.Values, features);
        targets = [.. data.Responses.SelectMany(response => response.Labels)];
        (mean, deviation) = (new double[hidden], new double[hidden]);
        Standardize();
    }

    public int Parameters => (hidden + 1) * labels;

    /// <summary>Mean loss plus λ/2 ‖W‖², and its gradient.</summary>
    public double Evaluate(ReadOnlySpan<double> parameters, double regularization, Span<double> gradient)
    {
        var weights = parameters[..(labels * hidden)];
        var biases = parameters[weights.Length..];
        gradient.Clear();
        Span<double> logits = new double[labels];
        var loss = 0.0;
        for (var i = 0; i < count; i++)
        {
            var response = Row(i);
            for (var label = 0; label < labels; label++)
                logits[label] = TensorPrimitives.Dot(response, weights.Slice(label * hidden, hidden)) + biases[label];
            loss += LogisticLoss.ToGradient(scoring, logits, targets.AsSpan(i * labels, labels));
            for (var label = 0; label < labels; label++)
            {
                var ofWeights = gradient.Slice(label * hidden, hidden);
                TensorPrimitives.MultiplyAdd(response, logits[label], ofWeights, ofWeights);
                gradient[weights.Length + label] += logits[label];
            }
        }
        TensorPrimitives.Divide(gradient, count, gradient);
        TensorPrimitives.MultiplyAdd(weights, regularization, gradient[..weights.Length], gradient[..weights.Length]);
        return (loss / count) + (regularization / 2 * TensorPrimitives.SumOfSquares(weights));
    }

    /// <summary>The same classifier for features that are not standardized: W/σ and b − W·μ/σ.</summary>
    public Head ToHead(ReadOnlySpan<double> parameters)
    {
        float[] weights = new float[labels * hidden], biases = new float[labels];
        Span<double> row = new double[hidden];
        for (var label = 0; label < labels; label++)
        {
            TensorPrimitives.Divide(parameters.Slice(label * hidden, hidden), deviation, row);
            TensorPrimitives.ConvertTruncating<double, float>(row, weights.AsSpan(label * hidden, hidden));
            biases[label] = (float)(parameters[(labels * hidden) + label] - TensorPrimitives.Dot(row, mean));
        }
        return new Head(new Tensor([labels, hidden], weights), new Tensor([labels], biases));
    }

    Span<double> Row(int i) => features.AsSpan(i * hidden, hidden);

    void Standardize()
    {
        for (var i = 0; i < count; i++)
            TensorPrimitives.Add(mean, Row(i), mean);
        TensorPrimitives.Divide(mean, count, mean);
        for (var i = 0; i < count; i++)
        {
            TensorPrimitives.Subtract(Row(i), mean, Row(i));
            TensorPrimitives.MultiplyAdd(Row(i), Row(i), deviation, deviation);
        }
        for (var j = 0; j < hidden; j++)
            deviation[j] = Math.Sqrt(deviation[j] / count);
        // A dimension that hardly varies is rounding noise: blown up to the size of the others it would carry their weight, and a weight without bound.
        var typical = Math.Sqrt(TensorPrimitives.SumOfSquares<double>(deviation) / hidden);
        TensorPrimitives.Max(deviation, typical > 0 ? 1e-2 * typical : 1, deviation);
        for (var i = 0; i < count; i++)
            TensorPrimitives.Divide(Row(i), deviation, Row(i));
    }
}
