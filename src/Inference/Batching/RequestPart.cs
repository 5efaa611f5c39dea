namespace ScoringService.Inference.Batching;

/// <summary>The responses of a request for one encoder, and where they wait.</summary>
/// <param name="request">The request.</param>
/// <param name="encoder">The queue of the encoder.</param>
/// <param name="first">The first of the responses.</param>
sealed class RequestPart(EncodeRequest request, EncoderQueue encoder, int first)
{
    /// <summary>The request.</summary>
    public EncodeRequest Request => request;

    /// <summary>The queue of the encoder.</summary>
    public EncoderQueue Encoder => encoder;

    /// <summary>The last response.</summary>
    public int Last { get; private set; } = first;

    /// <summary>The first response that is in no window yet; -1 when all are.</summary>
    public int Ahead { get; private set; } = first;

    /// <summary>Responses that have not begun to run.</summary>
    public int WaitingResponses { get; private set; }

    /// <summary>Tokens of the responses that have not begun to run.</summary>
    public int WaitingTokens { get; private set; }

    /// <summary>The tenant's other requests; null where it is not one of them.</summary>
    public TenantBacklog? Backlog { get; set; }

    /// <summary>The request of the tenant that came before.</summary>
    public RequestPart? Previous { get; set; }

    /// <summary>The request of the tenant that came after.</summary>
    public RequestPart? Next { get; set; }

    /// <summary>Adds a response while the request is put together.</summary>
    public void Add(int response, int length)
    {
        Last = response;
        WaitingResponses++;
        WaitingTokens += length;
    }

    /// <summary>Moves <see cref="Ahead"/> to the next response.</summary>
    public void Advance() => Ahead = request.Next(Ahead);

    /// <summary>A response begins to run.</summary>
    public void Begin(int length)
    {
        WaitingResponses--;
        WaitingTokens -= length;
    }

    /// <summary>What waits will never run.</summary>
    public void Withdraw() => (Ahead, WaitingResponses, WaitingTokens) = (-1, 0, 0);
}
