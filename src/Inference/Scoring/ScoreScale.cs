using System.Collections.Immutable;
using System.Numerics.Tensors;
using ScoringService.Inference.Bundles;

namespace ScoringService.Inference.Scoring;

/// <summary>From an item's logits to its score.</summary>
/// <param name="item">Labels and points.</param>
/// <param name="calibration">Temperature and thresholds.</param>
public sealed class ScoreScale(Item item, Calibration calibration)
{
    /// <summary>Scores a response.</summary>
    /// <remarks>
    /// Multi-class: probabilities by softmax; the value is the points of the most probable label, the first of equals; the confidence is its
    /// probability. Multi-label: probabilities by sigmoid; a label is present when its probability exceeds its threshold, the value is the sum
    /// of the points of the present labels, and the confidence is that of the most doubtful label, the smallest max(p, 1 − p).
    /// </remarks>
    /// <param name="logits">One per label.</param>
    /// <exception cref="NotFiniteNumberException">A logit is NaN or infinite: no score is made of it.</exception>
    public (Score Score, ImmutableArray<LabelProbability> Labels, double Confidence) Score(ReadOnlySpan<float> logits)
    {
        var probabilities = new double[logits.Length];
        TensorPrimitives.ConvertChecked(logits, probabilities);
        if (!TensorPrimitives.IsFiniteAll<double>(probabilities))
        {
            throw new NotFiniteNumberException(
                $"The logits of item '{item.Id}' are not finite. Roll back to another bundle, and train the item again.");
        }
        TensorPrimitives.Divide(probabilities, calibration.Temperature, probabilities);
        return item.Scoring == ScoringKind.MultiClass ? OnScale(probabilities) : OnRubric(probabilities);
    }

    /// <summary>The score of a response with nothing to read: the lowest class, or no label present.</summary>
    public Score Empty()
    {
        var points = item.Scoring == ScoringKind.MultiClass ? item.Minimum : 0;
        return new Score(points, points, item.Minimum, item.Maximum);
    }

    (Score, ImmutableArray<LabelProbability>, double) OnScale(double[] logits)
    {
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max<double>(logits), logits);
        TensorPrimitives.SoftMax(logits, logits);
        var best = TensorPrimitives.IndexOfMax<double>(logits);
        return (ScoreOf(item.Points[best], logits), [.. item.Labels.Zip(logits, (name, p) => new LabelProbability(name, p))], logits[best]);
    }

    (Score, ImmutableArray<LabelProbability>, double) OnRubric(double[] logits)
    {
        TensorPrimitives.Sigmoid(logits, logits);
        ImmutableArray<LabelProbability> labels =
            [.. item.Labels.Select((name, i) => new LabelProbability(name, logits[i], Present: logits[i] > calibration.Thresholds[i]))];
        var value = labels.Zip(item.Points, (label, points) => label.Present == true ? points : 0).Sum();
        return (ScoreOf(value, logits), labels, logits.Min(p => Math.Max(p, 1 - p)));
    }

    Score ScoreOf(double value, double[] probabilities) =>
        new(value, TensorPrimitives.Dot(probabilities, item.Points.AsSpan()), item.Minimum, item.Maximum);
}
