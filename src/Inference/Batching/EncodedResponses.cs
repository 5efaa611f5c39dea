namespace ScoringService.Inference.Batching;

/// <summary>The pooled encoder outputs of one request.</summary>
/// <param name="pooled">Shape <c>[responses, hidden]</c>.</param>
/// <param name="hidden">Width of a pooled vector.</param>
/// <param name="queueTime">How long the request waited while none of its responses ran.</param>
/// <param name="inferenceTime">Duration of the batches its responses ran in.</param>
sealed class EncodedResponses(float[] pooled, int hidden, TimeSpan queueTime, TimeSpan inferenceTime)
{
    /// <summary>How long the request waited while none of its responses ran.</summary>
    public TimeSpan QueueTime { get; } = queueTime;

    /// <summary>Duration of the batches its responses ran in.</summary>
    public TimeSpan InferenceTime { get; } = inferenceTime;

    /// <summary>The pooled vector of a response, in the order of the request.</summary>
    public ReadOnlySpan<float> this[int response] => pooled.AsSpan(response * hidden, hidden);
}
