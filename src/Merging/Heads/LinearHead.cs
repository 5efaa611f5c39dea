using System.Collections.Immutable;
using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Heads;

/// <summary>What a head says about cached features.</summary>
public static class LinearHead
{
    /// <summary>Logits of each response: <c>x·Wᵀ + b</c>.</summary>
    /// <param name="head">The head.</param>
    /// <param name="features">Pooled encoder output <c>[responses, hidden]</c>.</param>
    /// <returns>Shape <c>[responses, labels]</c>.</returns>
    public static Tensor Logits(Head head, Tensor features)
    {
        ArgumentNullException.ThrowIfNull(head);
        ArgumentNullException.ThrowIfNull(features);
        int labels = head.Labels, hidden = head.Hidden, count = features.Shape[0];
        var logits = new Tensor([count, labels], new float[count * labels]);
        for (var i = 0; i < count; i++)
        {
            var row = features.Values.AsSpan(i * hidden, hidden);
            for (var label = 0; label < labels; label++)
            {
                var weights = head.Weight.Values.AsSpan(label * hidden, hidden);
                logits.Values[(i * labels) + label] = TensorPrimitives.Dot(row, weights) + head.Bias.Values[label];
            }
        }
        return logits;
    }

    /// <summary>
    /// Labels of each response: the class with the largest logit (the first of equals), or every label with a probability above one half.
    /// </summary>
    /// <param name="head">The head.</param>
    /// <param name="scoring">Whether exactly one label holds.</param>
    /// <param name="features">Pooled encoder output <c>[responses, hidden]</c>.</param>
    public static ImmutableArray<ImmutableArray<bool>> Predict(Head head, ScoringKind scoring, Tensor features)
    {
        var logits = Logits(head, features);
        return [.. logits.Values.Chunk(head.Labels).Select(row =>
        {
            var best = Array.IndexOf(row, row.Max());
            return row.Select((logit, label) => scoring == ScoringKind.MultiClass ? label == best : logit > 0).ToImmutableArray();
        })];
    }
}
