using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.ScoreBatches;

/// <summary>How large score batches may be and how they run; section <c>ScoreBatches</c>.</summary>
sealed class ScoreBatchOptions
{
    /// <summary>Responses in one batch.</summary>
    /// <value>Default 1,000,000.</value>
    [Range(1, 100_000_000)]
    public int MaxResponses { get; set; } = 1_000_000;

    /// <summary>Bytes of the request that brings a batch.</summary>
    /// <value>Default 1 GiB.</value>
    [Range(1, 1L << 40)]
    public long MaxBodyBytes { get; set; } = 1L << 30;

    /// <summary>Batches that run at a time, each of another tenant.</summary>
    /// <value>Default 4.</value>
    [Range(1, 64)]
    public int RunningBatches { get; set; } = 4;

    /// <summary>Responses that are handed to the encoders' queues at a time.</summary>
    /// <value>Default 512.</value>
    [Range(1, 100_000)]
    public int ChunkResponses { get; set; } = 512;

    /// <summary>Chunks that wait or run at a time, over all batches: enough that the encoders always find work.</summary>
    /// <value>Default 4.</value>
    [Range(1, 1024)]
    public int ChunksInFlight { get; set; } = 4;
}
