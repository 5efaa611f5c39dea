using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Batching;

/// <summary>The responses of one forward pass. Every executor has one and fills it again and again, so that a pass allocates nothing.</summary>
sealed class EncoderBatch
{
    WaitingRow[] rows = new WaitingRow[64];
    EncoderInput[] inputs = new EncoderInput[64];
    float[] pooled = [];

    /// <summary>The queue of the encoder; null before the first batch.</summary>
    public EncoderQueue? Encoder { get; private set; }

    /// <summary>The responses.</summary>
    public ReadOnlySpan<WaitingRow> Rows => rows.AsSpan(0, Count);

    /// <summary>How many responses there are.</summary>
    public int Count { get; private set; }

    /// <summary>Tokens without padding.</summary>
    public int Tokens { get; private set; }

    /// <summary>Tokens that <see cref="Admission"/> let in: all but those of probes.</summary>
    public int AdmittedTokens { get; private set; }

    /// <summary>Tokens with padding.</summary>
    public long PaddedTokens { get; private set; }

    /// <summary>Urgency of all its responses.</summary>
    public Urgency Urgency => rows[0].Part.Request.Requester.Urgency;

    /// <summary>When it began to run.</summary>
    public long Started { get; set; }

    /// <summary>Requests that are over by this batch.</summary>
    public List<EncodeRequest> Over { get; } = [];

    /// <summary>Takes in responses, shortest first.</summary>
    public void Take(EncoderQueue encoder, ReadOnlySpan<WaitingRow> responses)
    {
        if (rows.Length < responses.Length)
            (rows, inputs) = (new WaitingRow[2 * responses.Length], new EncoderInput[2 * responses.Length]);
        responses.CopyTo(rows);
        (Encoder, Count, PaddedTokens) = (encoder, responses.Length, (long)responses.Length * responses[^1].Length);
        (Tokens, AdmittedTokens) = (0, 0);
        foreach (var row in responses)
        {
            Tokens += row.Length;
            AdmittedTokens += row.Part.Request.IsProbe ? 0 : row.Length;
        }
    }

    /// <summary>Runs the forward pass and gives every request its vectors.</summary>
    public void Run()
    {
        var (encoder, hidden) = (Encoder!, Encoder!.Hidden);
        if (pooled.Length < Count * hidden)
            pooled = GC.AllocateUninitializedArray<float>(2 * Count * hidden);
        for (var i = 0; i < Count; i++)
            inputs[i] = rows[i].Part.Request.Input(rows[i].Response);
        encoder.Encode(inputs.AsSpan(0, Count), pooled.AsSpan(0, Count * hidden));
        for (var i = 0; i < Count; i++)
            pooled.AsSpan(i * hidden, hidden).CopyTo(rows[i].Part.Request.Vector(rows[i].Response));
    }

    /// <summary>Tells the requests that are over, lets go of everybody's arrays, and is empty again.</summary>
    public void Publish()
    {
        foreach (var request in Over)
            request.Publish();
        foreach (var row in Rows)
            row.Part.Request.Release();
        Over.Clear();
        rows.AsSpan(0, Count).Clear();
        inputs.AsSpan(0, Count).Clear();
        Count = 0;
    }
}
