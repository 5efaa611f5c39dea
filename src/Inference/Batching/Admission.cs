namespace ScoringService.Inference.Batching;

/// <summary>
/// Bounds the tokens that wait for the encoders of a bundle or run in them, and measures how fast they are worked off.
/// </summary>
/// <param name="capacity">Most tokens at a time. A request beyond it is admitted only when nothing else is there.</param>
/// <param name="time">Clock of the measured rate.</param>
sealed class Admission(long capacity, TimeProvider time)
{
    /// <summary>What the past still weighs after one more batch: about ten batches are remembered.</summary>
    const double Memory = 0.9;

    readonly Lock gate = new();
    long tokens;
    long workingSince;
    double pastTokens;
    double pastSeconds;

    /// <summary>Tokens that wait or run.</summary>
    public long Tokens
    {
        get
        {
            lock (gate)
                return tokens;
        }
    }

    /// <summary>Admits a request whole or not at all.</summary>
    /// <param name="requested">Its tokens.</param>
    /// <exception cref="QueueFullException">They do not fit.</exception>
    public void Enter(long requested)
    {
        lock (gate)
        {
            if (requested > 0 && tokens > 0 && tokens + requested > capacity)
                throw new QueueFullException(pastSeconds > 0 ? TimeSpan.FromSeconds(tokens * pastSeconds / pastTokens) : null);
            if (tokens == 0)
                workingSince = time.GetTimestamp();
            tokens += requested;
        }
    }

    /// <summary>Lets go of tokens that never ran.</summary>
    public void Abandon(long abandoned)
    {
        lock (gate)
            tokens -= abandoned;
    }

    /// <summary>Lets go of tokens that ran, and takes the time since the last ones into the rate.</summary>
    public void Finish(long finished)
    {
        lock (gate)
        {
            var now = time.GetTimestamp();
            pastTokens = Memory * pastTokens + finished;
            pastSeconds = Memory * pastSeconds + time.GetElapsedTime(workingSince, now).TotalSeconds;
            workingSince = now;
            tokens -= finished;
        }
    }
}
