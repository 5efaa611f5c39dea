using System.Diagnostics.Metrics;
using System.Globalization;

namespace ScoringService.Inference.Batching;

/// <summary>
/// The threads that run encoders: a fixed number, shared by all encoders of all bundles in the process, so that two bundles during a swap ask no more
/// of the processors than one. Each takes the next batch and runs it on itself.
/// </summary>
public sealed class ExecutorPool : IAsyncDisposable
{
    readonly object gate = new();
    readonly BatchScheduler scheduler;
    readonly QueueMetrics metrics;
    readonly List<(EncoderQueue Queue, TaskCompletionSource Drained)> closing = [];
    readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int idle;
    int asleep;
    int alive;
    bool disposed;

    /// <summary>Starts the threads.</summary>
    /// <param name="queue">How responses become batches, and how many may wait.</param>
    /// <param name="executors">How many threads there are; at least 1.</param>
    /// <param name="time">Clock of the durations and the measured rate.</param>
    public ExecutorPool(QueueOptions queue, int executors, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentOutOfRangeException.ThrowIfLessThan(executors, 1);
        (Queue, Executors) = (queue, executors);
        scheduler = new(Queue, Executors, time);
        metrics = new(WaitingTokens);
        idle = alive = Executors;
        for (var i = 0; i < Executors; i++)
            new Thread(Work) { IsBackground = true, Name = string.Create(CultureInfo.InvariantCulture, $"encoder executor {i}") }.Start();
    }

    /// <summary>How many threads there are.</summary>
    public int Executors { get; }

    /// <summary>How responses become batches, and how many may wait.</summary>
    public QueueOptions Queue { get; }

    /// <summary>Tokens of both urgencies that wait or run.</summary>
    internal long Tokens
    {
        get
        {
            lock (gate)
                return scheduler.Tokens(Urgency.Interactive) + scheduler.Tokens(Urgency.Background);
        }
    }

    /// <summary>Whether a meter shows this pool's figures.</summary>
    internal bool Publishes(Meter meter) => metrics.Is(meter);

    /// <summary>Lets the threads serve an encoder until <see cref="CloseAsync"/>.</summary>
    /// <param name="encode">One forward pass; called by several threads at once.</param>
    /// <param name="hidden">Width of a pooled vector.</param>
    /// <param name="sideBySide">Responses of which a batch had better hold a multiple.</param>
    internal EncoderQueue Add(EncodeBatch encode, int hidden, int sideBySide = 1) => scheduler.Add(encode, hidden, sideBySide);

    /// <summary>Encodes a request. It must not be disposed before the task completes, which it does at once when the caller goes away.</summary>
    /// <param name="request">At least one response.</param>
    /// <param name="cancel">Ends the wait; responses that have not begun to run never will.</param>
    /// <exception cref="QueueFullException">Its tokens do not fit.</exception>
    /// <exception cref="ObjectDisposedException">An encoder takes no more requests.</exception>
    internal async Task EncodeAsync(EncodeRequest request, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfZero(request.Responses);
        Enqueue(request);
        // Registered when the request is in the queue: a token that is cancelled by now takes it out again.
        await using var registration = cancel.UnsafeRegister((_, token) => Cancel(request, token), null);
        await request.Completion;
    }

    /// <summary>Takes no more requests for an encoder; when the task completes, no thread uses it.</summary>
    internal Task CloseAsync(EncoderQueue queue)
    {
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (gate)
        {
            queue.IsClosed = true;
            closing.Add((queue, drained));
            TellDrained();
        }
        return drained.Task;
    }

    /// <summary>Takes no more requests, finishes those it has, and ends the threads.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (gate)
        {
            disposed = true;
            Monitor.PulseAll(gate);
        }
        await ended.Task;
        metrics.Dispose();
    }

    void Enqueue(EncodeRequest request)
    {
        try
        {
            lock (gate)
            {
                ObjectDisposedException.ThrowIf(disposed, this);
                scheduler.Enqueue(request);
                for (var wake = Math.Min(asleep, request.Responses); wake > 0; wake--)
                    Monitor.Pulse(gate);
            }
        }
        catch (QueueFullException)
        {
            metrics.Refused(request.Requester.Urgency);
            throw;
        }
    }

    void Cancel(EncodeRequest request, CancellationToken by)
    {
        lock (gate)
        {
            if (!scheduler.Cancel(request, by))
                return;
            TellDrained();
        }
        request.Publish();
    }

    void Work()
    {
        var batch = new EncoderBatch();
        while (TryTake(batch))
        {
            Exception? failure = null;
            try
            {
                batch.Run();
            }
            catch (Exception reason)
            {
                failure = reason;
            }

            TimeSpan duration;
            lock (gate)
            {
                duration = scheduler.End(batch, failure);
                idle++;
                TellDrained();
            }
            metrics.Ran(batch, duration);
            batch.Publish();
        }
        if (Interlocked.Decrement(ref alive) == 0)
            ended.SetResult();
    }

    /// <summary>Waits for the next batch; false when there will be none.</summary>
    bool TryTake(EncoderBatch batch)
    {
        lock (gate)
        {
            while (!scheduler.TryTake(batch, idle))
            {
                if (disposed)
                    return false;
                asleep++;
                Monitor.Wait(gate);
                asleep--;
            }
            idle--;
            return true;
        }
    }

    void TellDrained()
    {
        for (var i = closing.Count - 1; i >= 0; i--)
        {
            if (closing[i].Queue.Outstanding > 0)
                continue;
            closing[i].Drained.SetResult();
            closing.RemoveAt(i);
        }
    }

    long WaitingTokens(Urgency urgency)
    {
        lock (gate)
            return scheduler.WaitingTokens(urgency);
    }
}
