namespace ScoringService.Inference.Batching;

/// <summary>What one tenant has waiting in a line, first come first served, and its account in the round robin.</summary>
sealed class TenantBacklog
{
    RequestPart? last;

    /// <summary>An empty backlog.</summary>
    /// <param name="tenant">Whose it is.</param>
    public TenantBacklog(string tenant) => (Tenant, Turn) = (tenant, new(this));

    /// <summary>Whose it is.</summary>
    public string Tenant { get; }

    /// <summary>Its place in the round.</summary>
    public LinkedListNode<TenantBacklog> Turn { get; }

    /// <summary>Tokens it may still take in its turn.</summary>
    public long Credit { get; set; }

    /// <summary>Whether its turn has begun.</summary>
    public bool InTurn { get; set; }

    /// <summary>The oldest request; null when it is empty.</summary>
    public RequestPart? First { get; private set; }

    /// <summary>Puts a request behind the others.</summary>
    public void Add(RequestPart part)
    {
        (part.Backlog, part.Previous) = (this, last);
        if (last is null)
            First = part;
        else
            last.Next = part;
        last = part;
    }

    /// <summary>Takes a request out, wherever it stands.</summary>
    public void Remove(RequestPart part)
    {
        if (part.Previous is null)
            First = part.Next;
        else
            part.Previous.Next = part.Next;
        if (part.Next is null)
            last = part.Previous;
        else
            part.Next.Previous = part.Previous;
        (part.Backlog, part.Previous, part.Next) = (null, null, null);
    }
}
