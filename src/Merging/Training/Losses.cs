using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Torch;
using static TorchSharp.torch.nn;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Merging.Training;

/// <summary>What training minimizes, for each response of a batch, from its logits: <c>[batch, labels]</c> to <c>[batch]</c>.</summary>
public static class Losses
{
    /// <summary>Cross entropy of softmax(logits): −Σ_c t_c ln p_c.</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <param name="targets">Probability of each label; every row sums to 1.</param>
    public static TorchTensor CrossEntropy(TorchTensor logits, TorchTensor targets) =>
        -(functional.log_softmax(logits, 1) * targets).sum(1);

    /// <summary>Cross entropy of sigmoid(logits), summed over the labels: −Σ_l t ln p + (1 − t) ln(1 − p).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    /// <param name="targets">Probability of each label, 0 to 1.</param>
    public static TorchTensor BinaryCrossEntropy(TorchTensor logits, TorchTensor targets) =>
        (Softplus(logits) - (logits * targets)).sum(1);

    /// <summary>Shannon entropy of softmax(logits), in nats: −Σ p·ln(p + 1e-8) (WEMoE, eq. 8).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    public static TorchTensor Entropy(TorchTensor logits)
    {
        var probabilities = functional.softmax(logits, 1);
        var logarithms = (probabilities + TorchMemory.Copy([1e-8f], 1)).log();
        return -(probabilities * logarithms).sum(1);
    }

    /// <summary>Sum over labels of the binary entropy of sigmoid(logits), in nats: Σ softplus(z) − z·σ(z).</summary>
    /// <param name="logits">Shape <c>[batch, labels]</c>.</param>
    public static TorchTensor BinaryEntropy(TorchTensor logits) => (Softplus(logits) - (logits * logits.sigmoid())).sum(1);

    /// <summary>The loss of one response: cross entropy, or the mean binary cross entropy over its labels.</summary>
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

    // ln(1 + eˣ), without overflow.
    static TorchTensor Softplus(TorchTensor x) => -functional.logsigmoid(-x);
}
