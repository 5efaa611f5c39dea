using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Heads;

/// <summary>The negative log-likelihood of one response's labels under its logits, in nats.</summary>
static class LogisticLoss
{
    /// <summary>
    /// Returns the loss and turns <paramref name="logits"/> into its gradient, probability minus label: of a softmax over the labels when exactly
    /// one holds, of a sigmoid for each label, summed, otherwise.
    /// </summary>
    public static double ToGradient(ScoringKind scoring, Span<double> logits, ReadOnlySpan<bool> labels)
    {
        var loss = 0.0;
        if (scoring == ScoringKind.MultiClass)
        {
            var largest = TensorPrimitives.Max<double>(logits);
            TensorPrimitives.Subtract(logits, largest, logits);
            var right = labels.IndexOf(true);
            loss -= logits[right];
            TensorPrimitives.Exp(logits, logits);
            var sum = TensorPrimitives.Sum<double>(logits);
            loss += Math.Log(sum);
            TensorPrimitives.Divide(logits, sum, logits);
            logits[right] -= 1;
            return loss;
        }
        for (var label = 0; label < logits.Length; label++)
        {
            var towards = labels[label] ? logits[label] : -logits[label];
            var wrong = 1 / (1 + Math.Exp(towards));
            loss += Math.Max(-towards, 0) + double.LogP1(Math.Exp(-Math.Abs(towards)));
            logits[label] = labels[label] ? -wrong : wrong;
        }
        return loss;
    }
}
