using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Training;

/// <summary>The heads of several items, padded to the same number of labels, so that a batch may mix the items.</summary>
/// <param name="Items">The items.</param>
/// <param name="Weight">Shape <c>[items, labels, hidden]</c>; zero where an item has no such label.</param>
/// <param name="Bias">Shape <c>[items, labels]</c>; so low where an item has no such label that its probability is zero.</param>
public sealed record StackedHeads(ImmutableArray<Item> Items, Tensor Weight, Tensor Bias)
{
    const float Absent = -1e4f;

    /// <summary>Labels of the item that has most.</summary>
    public int Labels => Bias.Shape[1];

    /// <summary>Stacks heads.</summary>
    /// <param name="items">The items.</param>
    /// <param name="heads">Their heads, in the same order.</param>
    public static StackedHeads Of(ImmutableArray<Item> items, IReadOnlyList<Head> heads)
    {
        var (labels, hidden) = (heads.Max(head => head.Labels), heads[0].Hidden);
        var weight = new Tensor([items.Length, labels, hidden], new float[items.Length * labels * hidden]);
        var bias = new Tensor([items.Length, labels], new float[items.Length * labels]);
        Array.Fill(bias.Values, Absent);
        for (var item = 0; item < items.Length; item++)
        {
            heads[item].Weight.Values.CopyTo(weight.Values.AsSpan(item * labels * hidden));
            heads[item].Bias.Values.CopyTo(bias.Values.AsSpan(item * labels));
        }
        return new(items, weight, bias);
    }

    /// <summary>The heads, each with its own number of labels.</summary>
    public ImmutableArray<Head> Heads()
    {
        var hidden = Weight.Shape[2];
        return [.. Items.Select((item, index) =>
        {
            var count = item.Labels.Length;
            return new Head(
                new([count, hidden], Weight.Values.AsSpan(index * Labels * hidden, count * hidden).ToArray()),
                new([count], Bias.Values.AsSpan(index * Labels, count).ToArray()));
        })];
    }
}
