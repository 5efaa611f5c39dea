namespace ScoringService.Inference.Batching;

/// <summary>
/// Decides which responses run next. It has no threads and no locks: one caller at a time tells it what came, what went away and what has run.
/// </summary>
/// <remarks>
/// Interactive before background. Among encoders of one urgency the one that was served least; in its line tenants by deficit round robin, and
/// of one tenant the oldest first. Encoders and tenants that come back from idleness start level with the others: they neither pay for the work that
/// was done meanwhile nor are they owed it.
/// </remarks>
/// <param name="options">Sizes of batch and queue.</param>
/// <param name="executors">Passes that run side by side.</param>
/// <param name="time">Clock of the durations.</param>
sealed class BatchScheduler(QueueOptions options, int executors, TimeProvider time)
{
    readonly Admission admission = new(options, executors);
    readonly Stage interactive = new();
    readonly Stage background = new();
    long requests;

    /// <summary>Tokens of an urgency that wait or run, apart from probes.</summary>
    public long Tokens(Urgency urgency) => admission.Tokens(urgency);

    /// <summary>Tokens of an urgency that wait.</summary>
    public long WaitingTokens(Urgency urgency) => StageOf(urgency).WaitingTokens;

    /// <summary>Makes the queue of an encoder.</summary>
    /// <param name="encode">One forward pass; called by several executors at once.</param>
    /// <param name="hidden">Width of a pooled vector.</param>
    /// <param name="sideBySide">Responses of which a batch had better hold a multiple.</param>
    public EncoderQueue Add(EncodeBatch encode, int hidden, int sideBySide = 1) => new(encode, hidden, sideBySide, options);

    /// <summary>Lets a request wait, whole or not at all.</summary>
    /// <exception cref="QueueFullException">Its tokens do not fit.</exception>
    /// <exception cref="ObjectDisposedException">An encoder takes no more requests.</exception>
    public void Enqueue(EncodeRequest request)
    {
        foreach (var part in request.Parts)
            ObjectDisposedException.ThrowIf(part.Encoder.IsClosed, part.Encoder);

        var urgency = request.Requester.Urgency;
        // A bundle can be exchanged under any load, and its probes take nobody's room.
        if (!request.IsProbe)
            admission.Enter(urgency, request.Tokens);
        request.Begin(requests++, time.GetTimestamp());
        foreach (var part in request.Parts)
        {
            part.Encoder.Outstanding += part.WaitingResponses;
            StageOf(urgency).Add(part);
        }
    }

    /// <summary>Takes the next batch.</summary>
    /// <param name="batch">Receives the responses.</param>
    /// <param name="idle">Executors without work, the one that asks included: what waits is spread over them.</param>
    /// <returns>False when nothing waits.</returns>
    public bool TryTake(EncoderBatch batch, int idle)
    {
        if (!interactive.TryTake(batch, idle) && !background.TryTake(batch, idle))
            return false;
        batch.Started = time.GetTimestamp();
        foreach (var (part, _, length) in batch.Rows)
        {
            part.Begin(length);
            part.Request.BeginResponse(batch.Started);
        }
        return true;
    }

    /// <summary>
    /// A batch has run. Requests that are over by it are added to <see cref="EncoderBatch.Over"/>; <see cref="EncoderBatch.Publish"/> must follow.
    /// </summary>
    /// <param name="batch">The batch.</param>
    /// <param name="failure">Why its pass failed, and with it every request in the batch; null if it did not.</param>
    /// <returns>How long it ran.</returns>
    public TimeSpan End(EncoderBatch batch, Exception? failure)
    {
        var now = time.GetTimestamp();
        var duration = time.GetElapsedTime(batch.Started, now);
        admission.Leave(batch.Urgency, batch.AdmittedTokens);
        if (failure is null)
            admission.Measure(batch.Tokens, duration);
        batch.Encoder!.Outstanding -= batch.Count;
        foreach (var (part, _, _) in batch.Rows)
        {
            if (!part.Request.EndResponse(now, time, failure))
                continue;
            batch.Over.Add(part.Request);
            if (failure is not null)
                Withdraw(part.Request);
        }
        return duration;
    }

    /// <summary>A caller went away: what has not begun to run leaves the queue, and its tokens make room, at once.</summary>
    /// <returns>False when the request is over already.</returns>
    public bool Cancel(EncodeRequest request, CancellationToken by)
    {
        if (request.IsOver)
            return false;
        request.Cancel(by);
        Withdraw(request);
        return true;
    }

    void Withdraw(EncodeRequest request)
    {
        var urgency = request.Requester.Urgency;
        foreach (var part in request.Parts)
        {
            if (part.WaitingResponses == 0)
                continue;
            if (!request.IsProbe)
                admission.Leave(urgency, part.WaitingTokens);
            part.Encoder.Outstanding -= part.WaitingResponses;
            StageOf(urgency).Remove(part);
            part.Withdraw();
        }
    }

    Stage StageOf(Urgency urgency) => urgency == Urgency.Interactive ? interactive : background;

    /// <summary>The lines of one urgency that are not empty, over all encoders.</summary>
    sealed class Stage
    {
        readonly List<WaitingLine> lines = [];
        long level;

        public long WaitingTokens { get; private set; }

        public void Add(RequestPart part)
        {
            var line = part.Encoder.Line(part.Request.Requester.Urgency);
            if (line.Tokens == 0)
            {
                line.Served = Math.Max(line.Served, level);
                lines.Add(line);
            }
            line.Add(part);
            WaitingTokens += part.WaitingTokens;
        }

        public void Remove(RequestPart part)
        {
            var line = part.Encoder.Line(part.Request.Requester.Urgency);
            line.Remove(part);
            WaitingTokens -= part.WaitingTokens;
            if (line.Tokens == 0)
                lines.Remove(line);
        }

        public bool TryTake(EncoderBatch batch, int idle)
        {
            if (lines.Count == 0)
                return false;
            var next = lines[0];
            foreach (var line in lines)
            {
                if (line.Served < next.Served)
                    next = line;
            }
            level = next.Served;
            next.Cut(batch, idle == 1 ? long.MaxValue : (WaitingTokens + idle - 1) / idle);
            next.Served += batch.PaddedTokens;
            WaitingTokens -= batch.Tokens;
            if (next.Tokens == 0)
                lines.Remove(next);
            return true;
        }
    }
}
