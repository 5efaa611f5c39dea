namespace ScoringService.Inference.Batching;

/// <summary>
/// Bounds the tokens that wait or run, each urgency by itself, and measures how fast they are worked off. Not thread-safe.
/// </summary>
/// <param name="options">Most tokens at a time. A request beyond them is admitted only when nothing else of its urgency is there.</param>
/// <param name="executors">Passes that run side by side.</param>
sealed class Admission(QueueOptions options, int executors)
{
    /// <summary>What the past still weighs after one more pass: about ten passes are remembered.</summary>
    const double Memory = 0.9;

    long interactive;
    long background;
    double pastTokens;
    double pastSeconds;

    /// <summary>Tokens of an urgency that wait or run.</summary>
    public long Tokens(Urgency urgency) => urgency == Urgency.Interactive ? interactive : background;

    /// <summary>Admits a request whole or not at all.</summary>
    /// <param name="urgency">Its urgency.</param>
    /// <param name="requested">Its tokens.</param>
    /// <exception cref="QueueFullException">They do not fit.</exception>
    public void Enter(Urgency urgency, long requested)
    {
        var (present, capacity) = (Tokens(urgency), urgency == Urgency.Interactive ? options.WaitingTokens : options.BackgroundTokens);
        if (requested > 0 && present > 0 && present + requested > capacity)
        {
            // What is too large for the queue fits when the queue is empty; and nothing in the background moves before the interactive tokens.
            var before = Math.Min(present, present + requested - capacity) + (urgency == Urgency.Background ? interactive : 0);
            throw new QueueFullException(pastSeconds > 0 ? TimeSpan.FromSeconds(before * pastSeconds / pastTokens / executors) : null);
        }
        Add(urgency, requested);
    }

    /// <summary>Lets go of tokens that ran or never will.</summary>
    public void Leave(Urgency urgency, long left) => Add(urgency, -left);

    /// <summary>Takes a pass into the rate. Only passes count, so idle time is no part of it.</summary>
    public void Measure(long tokens, TimeSpan duration)
    {
        pastTokens = Memory * pastTokens + tokens;
        pastSeconds = Memory * pastSeconds + duration.TotalSeconds;
    }

    void Add(Urgency urgency, long tokens)
    {
        if (urgency == Urgency.Interactive)
            interactive += tokens;
        else
            background += tokens;
    }
}
