using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Batching;

/// <summary>
/// The queue of one encoder: a thread of its own takes what is waiting, whatever the item, sorts it by length and runs it in batches of a
/// token budget. There is no timer: a lone request runs at once, and while a batch runs the next ones gather.
/// </summary>
sealed class EncoderQueue : IAsyncDisposable
{
    /// <summary>What is taken at a time, in full batches: enough to find responses of like length, soon enough done to be fair.</summary>
    const int BatchesAtATime = 4;

    readonly BlockingCollection<PendingRequest> waiting = [];
    readonly EncodeBatch encode;
    readonly int hidden;
    readonly int batchTokens;
    readonly Admission admission;
    readonly TimeProvider time;
    readonly Task worker;
    long batches;

    /// <summary>Starts the queue's thread.</summary>
    /// <param name="encode">One forward pass; called by the queue's thread only.</param>
    /// <param name="hidden">Width of a pooled vector.</param>
    /// <param name="options">Size of a batch.</param>
    /// <param name="admission">Lets tokens in; shared by the encoders of a bundle, so that a request over several of them is admitted whole.</param>
    /// <param name="time">Clock of the durations.</param>
    public EncoderQueue(EncodeBatch encode, int hidden, QueueOptions options, Admission admission, TimeProvider time)
    {
        (this.encode, this.hidden, this.admission, this.time) = (encode, hidden, admission, time);
        batchTokens = options.BatchTokens;
        worker = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Encodes the responses of a request whose tokens <see cref="Admission.Enter"/> let in.</summary>
    /// <param name="responses">At least one response.</param>
    /// <param name="cancel">Ends the wait; responses that have not begun to run never will.</param>
    /// <returns>The pooled vectors; fails with whatever a forward pass failed with.</returns>
    /// <exception cref="ObjectDisposedException">The queue takes no more requests.</exception>
    public Task<EncodedResponses> EncodeAsync(IReadOnlyList<EncoderInput> responses, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfZero(responses.Count);
        ObjectDisposedException.ThrowIf(waiting.IsAddingCompleted, this);
        var request = new PendingRequest(responses, hidden, time, cancel);
        waiting.Add(request, CancellationToken.None);
        return request.Completion;
    }

    /// <summary>Takes no more requests, finishes those it has, and ends the thread.</summary>
    public async ValueTask DisposeAsync()
    {
        waiting.CompleteAdding();
        await worker;
    }

    void Work()
    {
        var rows = new List<Row>();
        foreach (var first in waiting.GetConsumingEnumerable())
        {
            var tokens = Take(first);
            while (tokens < BatchesAtATime * batchTokens && waiting.TryTake(out var next))
                tokens += Take(next);
            rows.Sort((a, b) => a.Length.CompareTo(b.Length));
            RunInBatches(CollectionsMarshal.AsSpan(rows));
            rows.Clear();
        }

        int Take(PendingRequest request)
        {
            rows.AddRange(request.Responses.Select((input, response) => new Row(request, response, input)));
            return request.Responses.Sum(input => input.Ids.Length);
        }
    }

    /// <summary>Cuts rows, shortest first, where one more would make a batch, padded to its longest, exceed the budget.</summary>
    void RunInBatches(ReadOnlySpan<Row> rows)
    {
        while (!rows.IsEmpty)
        {
            var count = 1;
            while (count < rows.Length && (count + 1) * rows[count].Length <= batchTokens)
                count++;
            Run(rows[..count]);
            rows = rows[count..];
        }
    }

    void Run(ReadOnlySpan<Row> rows)
    {
        var batch = new List<Row>(rows.Length);
        foreach (var row in rows)
        {
            if (row.Request.IsOver)
                admission.Abandon(row.Length);
            else
                batch.Add(row);
        }
        if (batch.Count == 0)
            return;

        var tokens = batch.Sum(row => (long)row.Length);
        var buffer = ArrayPool<float>.Shared.Rent(batch.Count * hidden);
        var pooled = buffer.AsSpan(0, batch.Count * hidden);
        var start = time.GetTimestamp();
        try
        {
            encode([.. batch.Select(row => row.Input)], pooled);
        }
        catch (Exception failure)
        {
            admission.Abandon(tokens);
            batch.ForEach(row => row.Request.Fail(failure));
            return;
        }
        var duration = time.GetElapsedTime(start);
        admission.Finish(tokens);
        for (var i = 0; i < batch.Count; i++)
            batch[i].Request.Take(batch[i].Response, pooled.Slice(i * hidden, hidden), batches, duration);
        ArrayPool<float>.Shared.Return(buffer);
        batches++;
    }

    /// <summary>One response of a request.</summary>
    readonly record struct Row(PendingRequest Request, int Response, EncoderInput Input)
    {
        public int Length => Input.Ids.Length;
    }
}
