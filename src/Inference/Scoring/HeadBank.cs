using System.Numerics.Tensors;

namespace ScoringService.Inference.Scoring;

/// <summary>The heads of all items of one encoder, packed row by row.</summary>
sealed class HeadBank
{
    readonly int hidden;
    readonly float[] weights;
    readonly float[] biases;
    readonly Dictionary<string, Range> rows = [];

    /// <summary>Packs heads.</summary>
    /// <param name="heads">The head of each item, by item id.</param>
    /// <param name="hidden">Width of the encoder's pooled output.</param>
    /// <exception cref="ArgumentException">A head has another width, or a value that is not finite.</exception>
    public HeadBank(IReadOnlyDictionary<string, Head> heads, int hidden)
    {
        this.hidden = hidden;
        foreach (var (item, head) in heads)
        {
            if (head.Hidden != hidden)
                throw new ArgumentException($"The head of item '{item}' reads {head.Hidden} values; its encoder gives {hidden}.", nameof(heads));
            if (!TensorPrimitives.IsFiniteAll<float>(head.Weight.Values) || !TensorPrimitives.IsFiniteAll<float>(head.Bias.Values))
                throw new ArgumentException($"The head of item '{item}' has values that are not finite. Fit it again.", nameof(heads));
        }
        weights = [.. heads.Values.SelectMany(head => head.Weight.Values)];
        biases = [.. heads.Values.SelectMany(head => head.Bias.Values)];
        var start = 0;
        foreach (var (item, head) in heads)
            rows.Add(item, start..(start += head.Labels));
    }

    /// <summary>An item's logits, one per label.</summary>
    /// <param name="pooled">The encoder's output for a response, <c>[hidden]</c>.</param>
    /// <param name="itemId">The item.</param>
    /// <exception cref="KeyNotFoundException">The item has no head here.</exception>
    public float[] Logits(ReadOnlySpan<float> pooled, string itemId)
    {
        var (first, labels) = rows[itemId].GetOffsetAndLength(biases.Length);
        var logits = new float[labels];
        for (var label = 0; label < labels; label++)
        {
            var row = weights.AsSpan((first + label) * hidden, hidden);
            logits[label] = TensorPrimitives.Dot(pooled, row) + biases[first + label];
        }
        return logits;
    }
}
