using System.ComponentModel.DataAnnotations;

namespace ScoringService.Inference.Batching;

/// <summary>How responses become batches, and how many may wait.</summary>
public sealed record QueueOptions
{
    /// <summary>
    /// Size of a batch in tokens, padding included: its longest response times its responses. A longer response runs alone. Default 512.
    /// </summary>
    [Range(1, 1 << 20)] public int BatchTokens { get; init; } = 512;

    /// <summary>
    /// Tokens of interactive requests that may wait or run, over all encoders. A request that goes beyond is refused whole. Default 32,768.
    /// </summary>
    [Range(1, 1L << 40)] public long WaitingTokens { get; init; } = 32_768;

    /// <summary>
    /// The same for background requests, which have room of their own: however many come, they leave the interactive ones theirs. Default 16,384.
    /// </summary>
    [Range(1, 1L << 40)] public long BackgroundTokens { get; init; } = 16_384;
}
