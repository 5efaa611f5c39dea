using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Features;

/// <summary>What one encoder makes of one item's responses; heads are fitted and judged on it without running the encoder again.</summary>
/// <param name="Item">The item and its token ids.</param>
/// <param name="Hidden">Width of a row.</param>
/// <param name="Train">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Validation">Shape <c>[responses, hidden]</c>.</param>
/// <param name="Test">Shape <c>[responses, hidden]</c>.</param>
public sealed record PooledItem(TokenizedItem Item, int Hidden, float[] Train, float[] Validation, float[] Test)
{
    /// <summary>Runs the encoder over every split of an item.</summary>
    public static PooledItem From(EncoderSession encoder, TokenizedItem item, int threads, CancellationToken stop) => new(
        item,
        encoder.HiddenSize,
        PooledFeatures.Of(encoder, item.Train, threads, stop),
        PooledFeatures.Of(encoder, item.Validation, threads, stop),
        PooledFeatures.Of(encoder, item.Test, threads, stop));
}
