using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Batching;

/// <summary>A request in an encoder's queue. Only the queue's thread fills it; only the caller's token cancels it.</summary>
sealed class PendingRequest
{
    readonly TaskCompletionSource<EncodedResponses> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly CancellationTokenRegistration cancellation;
    readonly TimeProvider time;
    readonly long enqueued;
    readonly float[] pooled;
    readonly int hidden;
    TimeSpan inference;
    long lastBatch = -1;
    int missing;

    public PendingRequest(IReadOnlyList<EncoderInput> responses, int hidden, TimeProvider time, CancellationToken cancel)
    {
        (Responses, this.hidden, this.time, missing) = (responses, hidden, time, responses.Count);
        pooled = new float[missing * hidden];
        enqueued = time.GetTimestamp();
        cancellation = cancel.UnsafeRegister((_, token) => completion.TrySetCanceled(token), null);
    }

    /// <summary>The responses.</summary>
    public IReadOnlyList<EncoderInput> Responses { get; }

    public Task<EncodedResponses> Completion => completion.Task;

    /// <summary>Whether nobody waits for it any more.</summary>
    public bool IsOver => completion.Task.IsCompleted;

    /// <summary>Takes the pooled vector of a response; the last one completes the request.</summary>
    public void Take(int response, ReadOnlySpan<float> vector, long batch, TimeSpan duration)
    {
        vector.CopyTo(pooled.AsSpan(response * hidden));
        if (lastBatch != batch)
        {
            lastBatch = batch;
            inference += duration;
        }
        if (--missing > 0)
            return;
        cancellation.Dispose();
        completion.TrySetResult(new EncodedResponses(pooled, hidden, time.GetElapsedTime(enqueued) - inference, inference));
    }

    public void Fail(Exception reason)
    {
        cancellation.Dispose();
        completion.TrySetException(reason);
    }
}
