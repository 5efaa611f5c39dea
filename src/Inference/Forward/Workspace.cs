using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>What a forward pass keeps in memory while it runs.</summary>
enum Slot
{
    /// <summary>Hidden states.</summary>
    Hidden,

    /// <summary>What attention or MLP adds to them.</summary>
    Change,

    /// <summary>Query, key and value.</summary>
    Projections,

    /// <summary>What attention gives before its output projection.</summary>
    Attended,

    /// <summary>Scores of attention.</summary>
    Scores,

    /// <summary>The middle of the MLP.</summary>
    Middle,

    /// <summary>Inner vectors of low-rank experts.</summary>
    Inner,

    /// <summary>Means over a response's tokens.</summary>
    Means,

    /// <summary>What a router gives for them.</summary>
    RouterOutputs,

    /// <summary>Routing weights.</summary>
    Routing,

    /// <summary>Blended weights.</summary>
    Blended,

    /// <summary>Routing weights of responses side by side.</summary>
    LaneRouting,

    /// <summary>Hidden states of responses side by side.</summary>
    LaneInput,

    /// <summary>What the MLP adds to them.</summary>
    LaneOutput,

    /// <summary>A row for what is not there.</summary>
    Nowhere,

    /// <summary>Rows in eight bits.</summary>
    Quantized,

    /// <summary>Scales of these rows.</summary>
    RowScales,
}

/// <summary>The memory of one forward pass. Grows to what the largest batch needs and is used again; one pass at a time.</summary>
sealed unsafe class Workspace : IDisposable
{
    readonly NativeArray<float>?[] slots = new NativeArray<float>?[Enum.GetValues<Slot>().Length];

    /// <summary>The batch that is being encoded.</summary>
    public RaggedBatch Batch { get; } = new();

    /// <summary>Memory for numbers; what it held before is lost when it grows.</summary>
    public float* Take(Slot slot, long length)
    {
        ref var taken = ref slots[(int)slot];
        if (taken is null || taken.Length < length)
        {
            taken?.Dispose();
            taken = new(length);
        }
        return taken.Start;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var slot in slots)
            slot?.Dispose();
    }
}
