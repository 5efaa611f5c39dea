using System.Numerics.Tensors;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Training;

/// <summary>What fine-tuning minimizes, from an item's logits and targets, both <c>[batch, labels]</c>; a mean, so independent of the batch's size.</summary>
public static class Losses
{
    /// <summary>The loss that fits an item's scoring.</summary>
    public static Node For(ScoringKind scoring, Node logits, Node targets) =>
        scoring == ScoringKind.MultiClass ? CrossEntropy(logits, targets) : BinaryCrossEntropy(logits, targets);

    /// <summary>Cross entropy of softmax(logits), averaged over responses: −1/n Σᵢ Σ_c tᵢc ln pᵢc.</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <param name="targets">Probability of each label; every row sums to 1.</param>
    public static Node CrossEntropy(Node logits, Node targets) => -(logits.LogSoftmax() * targets).Sum(1).Mean(0);

    /// <summary>Cross entropy of sigmoid(logits), averaged over responses and labels: −mean(t ln p + (1 − t) ln(1 − p)).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <param name="targets">Probability of each label, 0 to 1.</param>
    public static Node BinaryCrossEntropy(Node logits, Node targets) => (logits.Softplus() - logits * targets).Mean(0, 1);

    /// <summary>Shannon entropy of softmax(logits) for each response, in nats: −Σ p·ln(p + 1e-8) (WEMoE, eq. 8).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <returns>Shape <c>[batch, 1]</c>.</returns>
    public static Node Entropy(Node logits)
    {
        var probabilities = logits.Softmax();
        return -(probabilities * (probabilities + 1e-8).Log()).Sum(1);
    }

    /// <summary>Sum over labels of the binary entropy of sigmoid(logits) for each response, in nats: Σ softplus(z) − z·σ(z).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <returns>Shape <c>[batch, 1]</c>.</returns>
    public static Node BinaryEntropy(Node logits) => (logits.Softplus() - (logits * logits.Sigmoid())).Sum(1);

    /// <summary>The same loss of one response, outside a graph.</summary>
    /// <param name="scoring">The item's scoring.</param>
    /// <param name="logits">One per label.</param>
    /// <param name="targets">Probability of each label.</param>
    public static double Of(ScoringKind scoring, ReadOnlySpan<float> logits, ReadOnlySpan<float> targets)
    {
        var largest = TensorPrimitives.Max(logits);
        var (loss, partition) = (0.0, 0.0);
        for (var label = 0; label < logits.Length; label++)
        {
            var logit = (double)logits[label];
            partition += Math.Exp(logit - largest);
            loss += scoring == ScoringKind.MultiClass
                ? -targets[label] * logit
                : (Math.Max(logit, 0) + Math.Log(1 + Math.Exp(-Math.Abs(logit))) - targets[label] * logit) / logits.Length;
        }
        return scoring == ScoringKind.MultiClass ? loss + largest + Math.Log(partition) : loss;
    }
}
