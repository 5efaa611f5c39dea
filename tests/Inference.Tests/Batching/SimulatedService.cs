using ScoringService.Inference.Batching;

namespace ScoringService.Inference.Tests.Batching;

/// <summary>
/// A scheduler under a random schedule on a simulated clock, next to a plain account of what should be so: arrivals of random tenants, urgencies and
/// sizes, cancellations, passes that end or fail, encoders that come and go.
/// </summary>
sealed class SimulatedService
{
    const int Longest = 40;

    readonly int seed;
    readonly Random random;
    readonly ManualClock clock = new();
    readonly QueueOptions options;
    readonly BatchScheduler scheduler;
    readonly List<EncoderQueue> open = [];
    readonly List<EncoderQueue> closed = [];
    readonly List<Client> clients = [];
    readonly EncoderBatch[] executors;
    readonly HashSet<EncoderBatch> running = [];

    public SimulatedService(int seed)
    {
        (this.seed, random) = (seed, new Random(seed));
        options = new()
        {
            BatchTokens = random.Next(1, 65), WaitingTokens = random.Next(1, 1_500), BackgroundTokens = random.Next(1, 500),
        };
        executors = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => new EncoderBatch())];
        scheduler = new(options, executors.Length, clock);
        AddEncoder();
    }

    /// <summary>Events that a schedule had, to show that schedules are not all alike.</summary>
    public int Answered => clients.Count(client => client.Request.Completion.IsCompletedSuccessfully);

    public int Failed => clients.Count(client => client.Request.Completion.IsFaulted);

    public int Cancelled => clients.Count(client => client.Request.Completion.IsCanceled);

    public int Refused { get; private set; }

    public void Run()
    {
        for (var left = random.Next(20, 120); left > 0; left--)
        {
            clock.Advance(TimeSpan.FromMilliseconds(random.Next(20)));
            switch (random.Next(20))
            {
                case < 7:
                    Arrive();
                    break;
                case < 12:
                    Take();
                    break;
                case < 16:
                    End();
                    break;
                case < 18:
                    Cancel();
                    break;
                case 18:
                    AddEncoder();
                    break;
                default:
                    Swap();
                    break;
            }
            CheckAccounts();
        }
        while (clients.Any(client => client.Waiting > 0) || running.Count > 0)
        {
            Take();
            End();
        }
        CheckTheEnd();
    }

    void AddEncoder()
    {
        if (open.Count < 4)
            open.Add(scheduler.Add(Requests.Encode, Requests.Hidden, random.Next(2) == 0 ? 1 : random.Next(2, 9)));
    }

    /// <summary>An encoder retires while requests for it wait; another takes its place.</summary>
    void Swap()
    {
        var retired = open[random.Next(open.Count)];
        open.Remove(retired);
        closed.Add(retired);
        retired.IsClosed = true;
        AddEncoder();
    }

    void Arrive()
    {
        (EncoderQueue Encoder, int[] Ids)[] responses =
            [.. Enumerable.Range(0, random.Next(1, 9)).Select(_ => (open[random.Next(open.Count)], Ids()))];
        if (closed.Count > 0 && random.Next(20) == 0)
            responses[^1].Encoder = closed[random.Next(closed.Count)];
        var request = Requests.Of(new($"tenant {random.Next(5)}", (Urgency)random.Next(2)), responses);
        var (urgency, before) = (request.Requester.Urgency, scheduler.Tokens(request.Requester.Urgency));
        try
        {
            scheduler.Enqueue(request);
            Check(responses.All(response => !response.Encoder.IsClosed), "an encoder that was retired took a request");
            var capacity = urgency == Urgency.Interactive ? options.WaitingTokens : options.BackgroundTokens;
            Check(before == 0 || before + request.Tokens <= capacity, "more was admitted than fits");
            clients.Add(new(request, responses));
        }
        catch (QueueFullException full)
        {
            Refused++;
            Check(full.RetryAfter is not { } wait || wait >= TimeSpan.Zero, "a time to retry in the past");
            Check(scheduler.Tokens(urgency) == before, "a refused request left a trace");
            request.Dispose();
        }
        catch (ObjectDisposedException)
        {
            Check(responses.Any(response => response.Encoder.IsClosed), "an open encoder refused a request");
            Check(scheduler.Tokens(urgency) == before, "a refused request left a trace");
            request.Dispose();
        }
    }

    int[] Ids()
    {
        int[] ids = [.. Enumerable.Range(0, 1 + random.Next(Longest)).Select(_ => random.Next(1_000))];
        if (random.Next(100) == 0)
            ids[0] = Requests.Poison;
        return ids;
    }

    void Take()
    {
        if (running.Count == executors.Length)
            return;
        var batch = executors.First(executor => !running.Contains(executor));
        var (idle, interactive) = (executors.Length - running.Count, WaitingTokens(Urgency.Interactive));
        var waiting = interactive > 0 ? interactive : WaitingTokens(Urgency.Background);
        if (!scheduler.TryTake(batch, idle))
        {
            Check(waiting == 0, "something waits and nothing runs");
            return;
        }
        running.Add(batch);
        Check(batch.Count == 1 || batch.PaddedTokens <= options.BatchTokens, "a batch exceeds its budget");
        Check(batch.Count == 1 || idle == 1 || batch.PaddedTokens <= (waiting + idle - 1) / idle, "a batch is larger than an idle executor's share");
        Check(batch.Urgency == Urgency.Interactive || interactive == 0, "background began while something interactive waited");
        foreach (var row in batch.Rows)
        {
            var client = clients.Single(client => client.Request == row.Part.Request);
            Check(row.Part.Request.Requester.Urgency == batch.Urgency, "a batch mixes urgencies");
            Check(client.Responses[row.Response].Encoder == batch.Encoder, "a response is in the batch of another encoder");
            Check(!client.Request.IsOver, "a response began to run that nobody waits for");
            Check(client.Begin(row.Response), "a response began to run twice");
        }
    }

    void End()
    {
        if (running.Count == 0)
            return;
        var batch = running.ElementAt(random.Next(running.Count));
        Exception? failure = null;
        try
        {
            batch.Run();
        }
        catch (InvalidOperationException poison)
        {
            failure = poison;
        }
        var inIt = new HashSet<EncodeRequest>();
        foreach (var row in batch.Rows)
            inIt.Add(row.Part.Request);
        var lived = inIt.Where(request => !request.IsOver).ToList();

        scheduler.End(batch, failure);
        running.Remove(batch);
        if (failure is not null)
            Check(batch.Over.ToHashSet().SetEquals(lived), "a failed pass reached others than its callers, or not all of them");
        foreach (var request in batch.Over)
            clients.Single(client => client.Request == request).Ended++;
        batch.Publish();
        foreach (var client in clients.Where(client => client.Request.Completion.IsCompleted && client.Holds))
            Receive(client);
    }

    /// <summary>The caller reads its vectors and lets go of them.</summary>
    void Receive(Client client)
    {
        if (client.Request.Completion.IsCompletedSuccessfully)
        {
            for (var i = 0; i < client.Responses.Length; i++)
            {
                var expected = Requests.Expected(client.Responses[i].Ids, i);
                Check(client.Request.Vector(i).SequenceEqual(expected), "a response has the vector of another");
            }
            Check(client.Request.QueueTime >= TimeSpan.Zero && client.Request.InferenceTime >= TimeSpan.Zero, "a duration below zero");
        }
        client.Holds = false;
        client.Request.Dispose();
    }

    void Cancel()
    {
        if (clients.Count == 0)
            return;
        var client = clients[random.Next(clients.Count)];
        var wasOver = client.Request.IsOver;
        var (urgency, before, waits) = (client.Request.Requester.Urgency, scheduler.Tokens(client.Request.Requester.Urgency), client.Waiting);
        var cancelled = scheduler.Cancel(client.Request, new CancellationToken(canceled: true));
        Check(cancelled != wasOver, "a request was over twice, or never");
        Check(scheduler.Tokens(urgency) == before - (cancelled ? waits : 0), "tokens of a cancelled request did not leave at once");
        if (!cancelled)
            return;
        client.Ended++;
        client.Request.Publish();
        Receive(client);
    }

    void CheckAccounts()
    {
        foreach (var urgency in Enum.GetValues<Urgency>())
        {
            var waiting = WaitingTokens(urgency);
            var runs = running.Where(batch => batch.Urgency == urgency).Sum(batch => (long)batch.Tokens);
            Check(scheduler.WaitingTokens(urgency) == waiting, "the tokens that wait are miscounted");
            Check(scheduler.Tokens(urgency) == waiting + runs, "the tokens that wait or run are miscounted");
            var held = open.Concat(closed).Sum(encoder => encoder.Line(urgency).Held);
            var most = (open.Count + closed.Count) * (WaitingLine.BatchesInWindow * options.BatchTokens + 1);
            Check(waiting > 0 ? held <= most + clients.Sum(client => client.Waiting) : held == 0, "the scheduler keeps what is over");
        }
    }

    long WaitingTokens(Urgency urgency) =>
        clients.Where(client => client.Request.Requester.Urgency == urgency).Sum(client => (long)client.Waiting);

    void CheckTheEnd()
    {
        CheckAccounts();
        Check(scheduler.Tokens(Urgency.Interactive) == 0 && scheduler.Tokens(Urgency.Background) == 0, "tokens are left over");
        Check(open.Concat(closed).All(encoder => encoder.Outstanding == 0), "an encoder never drains");
        foreach (var client in clients)
        {
            Check(client.Ended == 1, $"a request ended {client.Ended} times");
            Check(client.Request.Completion.IsCompleted && !client.Holds, "a caller was told nothing");
            Check(!client.Request.Completion.IsCompletedSuccessfully || client.Begun == client.Responses.Length, "a response was lost");
        }
    }

    void Check(bool holds, string otherwise)
    {
        if (!holds)
            Assert.Fail($"seed {seed}: {otherwise}");
    }

    /// <summary>Who sent a request, and what it has seen of it.</summary>
    sealed class Client(EncodeRequest request, (EncoderQueue Encoder, int[] Ids)[] responses)
    {
        readonly HashSet<int> begun = [];
        int waiting = request.Tokens;

        public EncodeRequest Request => request;

        public (EncoderQueue Encoder, int[] Ids)[] Responses => responses;

        public int Begun => begun.Count;

        public int Ended { get; set; }

        public bool Holds { get; set; } = true;

        /// <summary>Tokens that have not begun to run and are not withdrawn.</summary>
        public int Waiting => request.IsOver ? 0 : waiting;

        /// <returns>False when the response has begun before.</returns>
        public bool Begin(int response)
        {
            waiting -= responses[response].Ids.Length;
            return begun.Add(response);
        }
    }
}
