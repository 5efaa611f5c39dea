using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Features;

/// <summary>What one encoder makes of one item's responses; heads are fitted and judged on it without running the encoder again.</summary>
/// <param name="Item">The item and its token ids.</param>
/// <param name="Train">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Validation">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Test">Shape <c>[responses, hidden]</c>.</param>
public sealed record PooledItem(TokenizedItem Item, Tensor Train, Tensor Validation, Tensor Test)
{
    /// <summary>Runs the encoder over every split of an item.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="item">The item's token ids.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    /// <param name="expert">Position of the item among those of the encoder.</param>
    public static PooledItem From(IEncoder encoder, TokenizedItem item, int threads, CancellationToken stop, int expert = 0) => new(
        item,
        PooledFeatures.Of(encoder, item.Train, threads, stop, expert),
        PooledFeatures.Of(encoder, item.Validation, threads, stop, expert),
        PooledFeatures.Of(encoder, item.Test, threads, stop, expert));
}
