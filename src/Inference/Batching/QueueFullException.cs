namespace ScoringService.Inference.Batching;

/// <summary>A request was refused whole because too many tokens wait already.</summary>
/// <param name="retryAfter">How long until its tokens fit, at the measured rate and if nobody comes before; null before anything was measured.</param>
public sealed class QueueFullException(TimeSpan? retryAfter)
    : Exception("Too many responses are waiting to be scored. Send the request again later, or fewer responses at once.")
{
    /// <summary>How long until its tokens fit, at the measured rate and if nobody comes before; null before anything was measured.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
