using System.Buffers;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Batching;

/// <summary>
/// The responses of one request on their way through the encoders: token ids in, pooled vectors out. Whoever makes it fills it, gives it to
/// an <see cref="ExecutorPool"/>, waits, reads the vectors and disposes it. Its arrays are pooled; they go back when the last pass that reads or
/// writes them has ended, even if the caller went away before.
/// </summary>
/// <param name="requester">Who waits for it.</param>
/// <param name="capacity">How many responses it may hold.</param>
sealed class EncodeRequest(Requester requester, int capacity) : IDisposable
{
    /// <summary>Room for this many tokens per response is made at first; it grows.</summary>
    const int TokensPerResponse = 32;

    readonly TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Row[] rows = ArrayPool<Row>.Shared.Rent(Math.Max(capacity, 1));
    readonly List<RequestPart> parts = [];
    int[] ids = ArrayPool<int>.Shared.Rent(Math.Max(capacity, 1) * TokensPerResponse);
    float[] pooled = [];
    int tokens;
    int values;
    int missing;
    int running;
    int holders = 1;
    long enqueued;
    long runningSince;
    TimeSpan total;
    Exception? failure;
    CancellationToken cancelled;

    /// <summary>Who waits for it.</summary>
    public Requester Requester => requester;

    /// <summary>
    /// Whether it probes a bundle: then it enters whatever the queue holds, and its responses meet in one batch instead of being spread over idle
    /// executors.
    /// </summary>
    public bool IsProbe { get; init; }

    /// <summary>Number of responses.</summary>
    public int Responses { get; private set; }

    /// <summary>Tokens of all responses.</summary>
    public int Tokens => tokens;

    /// <summary>The responses by encoder.</summary>
    public IReadOnlyList<RequestPart> Parts => parts;

    /// <summary>Place among all requests, by arrival.</summary>
    public long Order { get; private set; }

    /// <summary>Whether nobody waits for it any more: it is answered, failed or cancelled.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether it was answered.</summary>
    public bool IsAnswered => IsOver && missing == 0;

    /// <summary>Completes after <see cref="Publish"/>.</summary>
    public Task Completion => completion.Task;

    /// <summary>How long it waited while none of its responses ran.</summary>
    public TimeSpan QueueTime => total - InferenceTime;

    /// <summary>How long at least one of its responses ran.</summary>
    public TimeSpan InferenceTime { get; private set; }

    /// <summary>Where the ids of the next response go.</summary>
    /// <param name="most">How many there may be.</param>
    public Span<int> Room(int most)
    {
        if (ids.Length - tokens < most)
        {
            var larger = ArrayPool<int>.Shared.Rent(Math.Max(2 * ids.Length, tokens + most));
            ids.AsSpan(0, tokens).CopyTo(larger);
            ArrayPool<int>.Shared.Return(ids);
            ids = larger;
        }
        return ids.AsSpan(tokens, most);
    }

    /// <summary>Adds the response whose ids were written into <see cref="Room"/>.</summary>
    /// <param name="encoder">The queue of its encoder.</param>
    /// <param name="length">How many ids were written.</param>
    /// <param name="expert">Position of its item among those of the encoder.</param>
    public void Add(EncoderQueue encoder, int length, int expert)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        rows[Responses] = new(tokens, length, expert, values, Next: -1);
        var part = PartOf(encoder);
        if (part is null)
            parts.Add(part = new(this, encoder, Responses));
        else
            rows[part.Last].Next = Responses;
        part.Add(Responses, length);
        (Responses, tokens, values) = (Responses + 1, tokens + length, values + encoder.Hidden);
    }

    /// <summary>The pooled vector of a response, by its place in the order of <see cref="Add"/>.</summary>
    public Span<float> Vector(int response)
    {
        var row = rows[response];
        var end = response + 1 < Responses ? rows[response + 1].Values : values;
        return pooled.AsSpan(row.Values, end - row.Values);
    }

    /// <summary>A response as its encoder reads it.</summary>
    public EncoderInput Input(int response) => new(ids.AsMemory(rows[response].Ids, rows[response].Length), rows[response].Expert);

    /// <summary>Tokens of a response.</summary>
    public int Length(int response) => rows[response].Length;

    /// <summary>The next response for the same encoder; -1 after the last.</summary>
    public int Next(int response) => rows[response].Next;

    /// <summary>It was admitted.</summary>
    public void Begin(long order, long now)
    {
        (Order, enqueued, missing) = (order, now, Responses);
        pooled = ArrayPool<float>.Shared.Rent(values);
    }

    /// <summary>A response begins to run.</summary>
    public void BeginResponse(long now)
    {
        Interlocked.Increment(ref holders);
        if (running++ == 0)
            runningSince = now;
    }

    /// <summary>A response has run; <see cref="Release"/> must follow when its pass lets go of the arrays.</summary>
    /// <param name="now">When.</param>
    /// <param name="time">The clock.</param>
    /// <param name="reason">Why the pass failed; null if it did not.</param>
    /// <returns>Whether the request is over by that.</returns>
    public bool EndResponse(long now, TimeProvider time, Exception? reason)
    {
        if (--running == 0)
            InferenceTime += time.GetElapsedTime(runningSince, now);
        if (IsOver)
            return false;
        failure = reason;
        if (reason is null && --missing > 0)
            return false;
        total = time.GetElapsedTime(enqueued, now);
        return IsOver = true;
    }

    /// <summary>Its caller went away.</summary>
    public void Cancel(CancellationToken by) => (IsOver, cancelled) = (true, by);

    /// <summary>Tells the caller what became of it, once it is over.</summary>
    public void Publish()
    {
        if (failure is not null)
            completion.TrySetException(failure);
        else if (missing > 0)
            completion.TrySetCanceled(cancelled);
        else
            completion.TrySetResult();
    }

    /// <summary>A pass, or the caller, lets go of the arrays.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref holders) > 0)
            return;
        ArrayPool<Row>.Shared.Return(rows);
        ArrayPool<int>.Shared.Return(ids);
        ArrayPool<float>.Shared.Return(pooled);
    }

    /// <summary>The caller lets go of it: after the end, or instead of sending it.</summary>
    public void Dispose() => Release();

    RequestPart? PartOf(EncoderQueue encoder)
    {
        foreach (var part in parts)
        {
            if (part.Encoder == encoder)
                return part;
        }
        return null;
    }

    /// <summary>A response.</summary>
    /// <param name="Ids">Where its ids begin.</param>
    /// <param name="Length">How many there are.</param>
    /// <param name="Expert">Position of its item among those of its encoder.</param>
    /// <param name="Values">Where its vector begins.</param>
    /// <param name="Next">The next response for the same encoder; -1 after the last.</param>
    record struct Row(int Ids, int Length, int Expert, int Values, int Next);
}
