using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Evaluation;

/// <summary>The temperature that makes a model's probabilities most honest, and how good they then are (Guo et al. 2017).</summary>
/// <param name="Temperature">What logits are divided by; above 1 where the model is too sure of itself.</param>
/// <param name="Loss">Mean loss per response at that temperature, in nats.</param>
public readonly record struct TemperatureScaling(double Temperature, double Loss)
{
    // β = 1/T. A model so unsure that it wants more, or so wrong that it wants less than 0, is no model.
    const double LargestInverse = 16;

    const double GoldenRatio = 0.618033988749895;

    /// <summary>Finds it by golden-section search over β = 1/T, in which the loss is convex.</summary>
    /// <param name="scoring">The item's scoring.</param>
    /// <param name="logits">Shape <c>[responses, labels]</c>.</param>
    /// <param name="targets">Probability of each label, of the same shape.</param>
    /// <param name="labels">Labels per response.</param>
    public static TemperatureScaling Fit(ScoringKind scoring, ReadOnlySpan<float> logits, ReadOnlySpan<float> targets, int labels)
    {
        var scaled = new float[labels];
        var (low, high) = (0.0, LargestInverse);
        var (left, right) = (high - (GoldenRatio * (high - low)), low + (GoldenRatio * (high - low)));
        var (lossLeft, lossRight) = (LossAt(left, logits, targets), LossAt(right, logits, targets));
        while (high - low > 1e-4)
        {
            if (lossLeft <= lossRight)
            {
                (high, right, lossRight) = (right, left, lossLeft);
                left = high - (GoldenRatio * (high - low));
                lossLeft = LossAt(left, logits, targets);
            }
            else
            {
                (low, left, lossLeft) = (left, right, lossRight);
                right = low + (GoldenRatio * (high - low));
                lossRight = LossAt(right, logits, targets);
            }
        }
        return new(1 / ((low + high) / 2), Math.Min(lossLeft, lossRight));

        double LossAt(double inverse, ReadOnlySpan<float> logits, ReadOnlySpan<float> targets)
        {
            var (loss, responses) = (0.0, logits.Length / labels);
            for (var row = 0; row < responses; row++)
            {
                for (var label = 0; label < labels; label++)
                    scaled[label] = (float)(inverse * logits[(row * labels) + label]);
                loss += Losses.Of(scoring, scaled, targets.Slice(row * labels, labels));
            }
            return loss / responses;
        }
    }
}
