using System.Numerics.Tensors;

namespace ScoringService.Inference.Scoring;

/// <summary>Where a head lies in its bank.</summary>
/// <param name="First">Its first row.</param>
/// <param name="Labels">How many rows it has: one per label.</param>
readonly record struct HeadRows(int First, int Labels);

/// <summary>The heads of all items of one encoder, packed row by row: a response costs its own head's rows, however many items there are.</summary>
sealed class HeadBank
{
    readonly int hidden;
    readonly float[] weights;
    readonly float[] biases;
    readonly HeadRows[] heads;

    /// <summary>Packs heads.</summary>
    /// <param name="heads">Items with their heads.</param>
    /// <param name="hidden">Width of the encoder's pooled output.</param>
    /// <exception cref="ArgumentException">A head has another width, or a value that is not finite.</exception>
    public HeadBank(IReadOnlyList<(string Item, Head Head)> heads, int hidden)
    {
        this.hidden = hidden;
        foreach (var (item, head) in heads)
        {
            if (head.Hidden != hidden)
                throw new ArgumentException($"The head of item '{item}' reads {head.Hidden} values; its encoder gives {hidden}.", nameof(heads));
            if (!TensorPrimitives.IsFiniteAll<float>(head.Weight.Values) || !TensorPrimitives.IsFiniteAll<float>(head.Bias.Values))
                throw new ArgumentException($"The head of item '{item}' has values that are not finite. Fit it again.", nameof(heads));
        }

        (this.heads, biases) = (new HeadRows[heads.Count], new float[heads.Sum(head => head.Head.Labels)]);
        weights = new float[biases.Length * hidden];
        var first = 0;
        for (var i = 0; i < heads.Count; i++)
        {
            var head = heads[i].Head;
            this.heads[i] = new(first, head.Labels);
            head.Weight.Values.AsSpan().CopyTo(weights.AsSpan(first * hidden));
            head.Bias.Values.AsSpan().CopyTo(biases.AsSpan(first));
            first += head.Labels;
        }
    }

    /// <summary>Where the head of an item lies, by the item's place in the list the bank was made of.</summary>
    public HeadRows this[int item] => heads[item];

    /// <summary>The logits of a response, one per label of its item.</summary>
    /// <param name="pooled">The encoder's output for the response, <c>[hidden]</c>.</param>
    /// <param name="head">The head of its item.</param>
    /// <param name="logits">Receives them, <c>[labels]</c>.</param>
    public void Logits(ReadOnlySpan<float> pooled, HeadRows head, Span<float> logits)
    {
        var rows = weights.AsSpan(head.First * hidden, head.Labels * hidden);
        for (var label = 0; label < logits.Length; label++)
            logits[label] = TensorPrimitives.Dot(pooled, rows.Slice(label * hidden, hidden)) + biases[head.First + label];
    }
}
