using System.Runtime.InteropServices;

namespace ScoringService.Inference.Batching;

/// <summary>
/// What waits for one encoder with one urgency. Tenants take turns, each for a number of tokens (deficit round robin: Shreedhar and Varghese
/// 1995); what their turns bring gathers in a window of a few batches, where responses of like length find each other. A window is cut to the end
/// before the next one gathers, so none of its responses waits for more than the window.
/// </summary>
/// <param name="encoder">The queue of the encoder.</param>
/// <param name="batchTokens">Padded tokens of a batch.</param>
sealed class WaitingLine(EncoderQueue encoder, int batchTokens)
{
    /// <summary>What a window holds, in full batches: enough to find responses of like length, soon enough done to be fair.</summary>
    public const int BatchesInWindow = 4;

    /// <summary>A tenant's turns in a full batch.</summary>
    public const int TurnsInBatch = 8;

    static readonly Comparison<WaitingRow> ShortestFirst = WaitingRow.Compare;

    readonly int turnTokens = Math.Max(1, batchTokens / TurnsInBatch);
    readonly long windowTokens = (long)BatchesInWindow * batchTokens;
    readonly Dictionary<string, TenantBacklog> backlogs = new(StringComparer.Ordinal);
    readonly LinkedList<TenantBacklog> round = [];
    readonly List<WaitingRow> window = [];
    int cut;

    /// <summary>The queue of the encoder.</summary>
    public EncoderQueue Encoder => encoder;

    /// <summary>Tokens that wait here.</summary>
    public long Tokens { get; private set; }

    /// <summary>
    /// Padded tokens that were taken from here, raised to the level of the others where the line was empty: its account among the encoders.
    /// </summary>
    public long Served { get; set; }

    /// <summary>What the line holds in memory, in responses and tenants.</summary>
    public int Held => window.Count + backlogs.Count;

    /// <summary>Puts the responses of a request behind the tenant's others.</summary>
    public void Add(RequestPart part)
    {
        var tenant = part.Request.Requester.Tenant;
        if (!backlogs.TryGetValue(tenant, out var backlog))
        {
            backlogs.Add(tenant, backlog = new(tenant));
            round.AddLast(backlog.Turn);
        }
        backlog.Add(part);
        Tokens += part.WaitingTokens;
    }

    /// <summary>Takes out the responses of a request that have not begun to run.</summary>
    public void Remove(RequestPart part)
    {
        Tokens -= part.WaitingTokens;
        if (part.Backlog is { } backlog)
            Leave(backlog, part);

        var kept = cut;
        for (var i = cut; i < window.Count; i++)
        {
            if (window[i].Part != part)
                window[kept++] = window[i];
        }
        window.RemoveRange(kept, window.Count - kept);
        DropWindowIfCut();
    }

    /// <summary>
    /// Cuts the next batch from a line that is not empty: shortest first, until one more would make it, padded, exceed what it may hold; then as many as the
    /// encoder likes to have side by side.
    /// </summary>
    /// <param name="batch">Receives the responses.</param>
    /// <param name="target">What is enough, in padded tokens; a batch never exceeds the budget, and always holds a response.</param>
    public void Cut(EncoderBatch batch, long target)
    {
        if (window.Count == 0)
            Gather();

        var rows = CollectionsMarshal.AsSpan(window)[cut..];
        var most = rows[0].Part.Request.IsProbe ? batchTokens : Math.Min(batchTokens, target);
        var count = 1;
        while (count < rows.Length && (count + 1L) * rows[count].Length <= most)
            count++;
        if (count > encoder.SideBySide && count < rows.Length)
            count -= count % encoder.SideBySide;
        batch.Take(encoder, rows[..count]);
        Tokens -= batch.Tokens;
        cut += count;
        DropWindowIfCut();
    }

    void Gather()
    {
        var tokens = 0L;
        while (tokens < windowTokens && round.First?.Value is { } backlog)
        {
            if (!backlog.InTurn)
                (backlog.InTurn, backlog.Credit) = (true, backlog.Credit + turnTokens);
            while (tokens < windowTokens && backlog.First is { } part && part.Request.Length(part.Ahead) is var length && length <= backlog.Credit)
            {
                window.Add(new(part, part.Ahead, length));
                tokens += length;
                backlog.Credit -= length;
                part.Advance();
                if (part.Ahead < 0)
                    Leave(backlog, part);
            }
            if (tokens < windowTokens && backlog.First is not null)
            {
                backlog.InTurn = false;
                round.Remove(backlog.Turn);
                round.AddLast(backlog.Turn);
            }
        }
        window.Sort(ShortestFirst);
    }

    /// <summary>Takes a request out of a backlog; one that is empty keeps neither its turn nor its credit.</summary>
    void Leave(TenantBacklog backlog, RequestPart part)
    {
        backlog.Remove(part);
        if (backlog.First is not null)
            return;
        round.Remove(backlog.Turn);
        backlogs.Remove(backlog.Tenant);
    }

    void DropWindowIfCut()
    {
        if (cut < window.Count)
            return;
        window.Clear();
        cut = 0;
    }
}
