using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using ScoringService.Inference.Bundles;

namespace ScoringService.Inference.Scoring;

/// <summary>From an item's logits to its score.</summary>
/// <param name="item">Labels and points.</param>
/// <param name="calibration">Temperature and thresholds.</param>
public sealed class ScoreScale(Item item, Calibration calibration)
{
    /// <summary>Labels up to which a score needs no memory but its own.</summary>
    const int FewLabels = 64;

    readonly double minimum = item.Minimum;
    readonly double maximum = item.Maximum;

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
        var probabilities = logits.Length <= FewLabels ? stackalloc double[logits.Length] : new double[logits.Length];
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
        var points = item.Scoring == ScoringKind.MultiClass ? minimum : 0;
        return new Score(points, points, minimum, maximum);
    }

    (Score, ImmutableArray<LabelProbability>, double) OnScale(Span<double> logits)
    {
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max<double>(logits), logits);
        TensorPrimitives.SoftMax(logits, logits);
        var best = TensorPrimitives.IndexOfMax<double>(logits);
        var labels = new LabelProbability[logits.Length];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = new(item.Labels[i], logits[i]);
        return (ScoreOf(item.Points[best], logits), ImmutableCollectionsMarshal.AsImmutableArray(labels), logits[best]);
    }

    (Score, ImmutableArray<LabelProbability>, double) OnRubric(Span<double> logits)
    {
        TensorPrimitives.Sigmoid(logits, logits);
        var labels = new LabelProbability[logits.Length];
        var (value, confidence) = (0.0, 1.0);
        for (var i = 0; i < labels.Length; i++)
        {
            var (probability, present) = (logits[i], logits[i] > calibration.Thresholds[i]);
            labels[i] = new(item.Labels[i], probability, present);
            value += present ? item.Points[i] : 0;
            confidence = Math.Min(confidence, Math.Max(probability, 1 - probability));
        }
        return (ScoreOf(value, logits), ImmutableCollectionsMarshal.AsImmutableArray(labels), confidence);
    }

    Score ScoreOf(double value, ReadOnlySpan<double> probabilities) =>
        new(value, TensorPrimitives.Dot(probabilities, item.Points.AsSpan()), minimum, maximum);
}
