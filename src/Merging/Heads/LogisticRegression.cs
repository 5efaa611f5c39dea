using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Heads;

/// <summary>
/// Regularized logistic regression on one item's features, standardized. Parameters: weights <c>[labels, hidden]</c>, then biases <c>[labels]</c>.
/// </summary>
sealed class LogisticRegression
{
    readonly ScoringKind _scoring;
    readonly int _labels;
    readonly int _hidden;
    readonly int _count;
    readonly double[] _features;
    readonly bool[] _targets;
    readonly double[] _mean;
    readonly double[] _deviation;

    public LogisticRegression(Item item, LabelledFeatures data)
    {
        (_scoring, _labels, _count, _hidden) = (item.Scoring, item.Labels.Length, data.Responses.Length, data.Features.Shape[1]);
        _features = new double[_count * _hidden];
        TensorPrimitives.ConvertTruncating<float, double>(data.Features.Values, _features);
        _targets = [.. data.Responses.SelectMany(response => response.Labels)];
        (_mean, _deviation) = (new double[_hidden], new double[_hidden]);
        Standardize();
    }

    public int Parameters => (_hidden + 1) * _labels;

    /// <summary>Mean loss plus λ/2 ‖W‖², and its gradient.</summary>
    public double Evaluate(ReadOnlySpan<double> parameters, double regularization, Span<double> gradient)
    {
        var weights = parameters[..(_labels * _hidden)];
        var biases = parameters[weights.Length..];
        gradient.Clear();
        Span<double> logits = new double[_labels];
        var loss = 0.0;
        for (var i = 0; i < _count; i++)
        {
            var features = Row(i);
            for (var label = 0; label < _labels; label++)
                logits[label] = TensorPrimitives.Dot(features, weights.Slice(label * _hidden, _hidden)) + biases[label];
            loss += LogisticLoss.ToGradient(_scoring, logits, _targets.AsSpan(i * _labels, _labels));
            for (var label = 0; label < _labels; label++)
            {
                var ofWeights = gradient.Slice(label * _hidden, _hidden);
                TensorPrimitives.MultiplyAdd(features, logits[label], ofWeights, ofWeights);
                gradient[weights.Length + label] += logits[label];
            }
        }
        TensorPrimitives.Divide(gradient, _count, gradient);
        TensorPrimitives.MultiplyAdd(weights, regularization, gradient[..weights.Length], gradient[..weights.Length]);
        return (loss / _count) + (regularization / 2 * TensorPrimitives.SumOfSquares(weights));
    }

    /// <summary>The same classifier for features that are not standardized: W/σ and b − W·μ/σ.</summary>
    public Head ToHead(ReadOnlySpan<double> parameters)
    {
        float[] weights = new float[_labels * _hidden], biases = new float[_labels];
        Span<double> row = new double[_hidden];
        for (var label = 0; label < _labels; label++)
        {
            TensorPrimitives.Divide(parameters.Slice(label * _hidden, _hidden), _deviation, row);
            TensorPrimitives.ConvertTruncating<double, float>(row, weights.AsSpan(label * _hidden, _hidden));
            biases[label] = (float)(parameters[(_labels * _hidden) + label] - TensorPrimitives.Dot(row, _mean));
        }
        return new Head(new Tensor([_labels, _hidden], weights), new Tensor([_labels], biases));
    }

    Span<double> Row(int i) => _features.AsSpan(i * _hidden, _hidden);

    void Standardize()
    {
        for (var i = 0; i < _count; i++)
            TensorPrimitives.Add(_mean, Row(i), _mean);
        TensorPrimitives.Divide(_mean, _count, _mean);
        for (var i = 0; i < _count; i++)
        {
            TensorPrimitives.Subtract(Row(i), _mean, Row(i));
            TensorPrimitives.MultiplyAdd(Row(i), Row(i), _deviation, _deviation);
        }
        for (var j = 0; j < _hidden; j++)
            _deviation[j] = Math.Sqrt(_deviation[j] / _count);
        // A dimension that hardly varies is rounding noise: blown up to the size of the others it would carry their weight, and a weight without bound.
        var typical = Math.Sqrt(TensorPrimitives.SumOfSquares<double>(_deviation) / _hidden);
        TensorPrimitives.Max(_deviation, typical > 0 ? 1e-2 * typical : 1, _deviation);
        for (var i = 0; i < _count; i++)
            TensorPrimitives.Divide(Row(i), _deviation, Row(i));
    }
}
