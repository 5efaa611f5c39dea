namespace ScoringService.Inference.Batching;

/// <summary>What waits for one encoder: a line for each urgency.</summary>
sealed class EncoderQueue
{
    readonly WaitingLine interactive;
    readonly WaitingLine background;

    /// <summary>An empty queue.</summary>
    /// <param name="encode">One forward pass; called by several executors at once.</param>
    /// <param name="hidden">Width of a pooled vector.</param>
    /// <param name="sideBySide">See <see cref="Encoders.IEncoder.ResponsesSideBySide"/>.</param>
    /// <param name="options">Size of a batch.</param>
    public EncoderQueue(EncodeBatch encode, int hidden, int sideBySide, QueueOptions options)
    {
        (Encode, Hidden, SideBySide) = (encode, hidden, sideBySide);
        (interactive, background) = (new(this, options.BatchTokens), new(this, options.BatchTokens));
    }

    /// <summary>One forward pass; called by several executors at once.</summary>
    public EncodeBatch Encode { get; }

    /// <summary>Width of a pooled vector.</summary>
    public int Hidden { get; }

    /// <summary>Responses of which a batch had better hold a multiple.</summary>
    public int SideBySide { get; }

    /// <summary>Whether it takes no more requests.</summary>
    public bool IsClosed { get; set; }

    /// <summary>Responses that wait or run.</summary>
    public int Outstanding { get; set; }

    /// <summary>What waits with an urgency.</summary>
    public WaitingLine Line(Urgency urgency) => urgency == Urgency.Interactive ? interactive : background;
}
