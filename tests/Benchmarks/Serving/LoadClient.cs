using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Net.Sockets;

namespace ScoringService.Benchmarks.Serving;

/// <summary>How the service is loaded.</summary>
sealed record LoadPlan
{
    /// <summary>Port of the service on the loopback interface.</summary>
    public required int Port { get; init; }

    /// <summary>File of the requests, as <see cref="Workload.Write"/> writes them; they are sent over and over in their order.</summary>
    public required string Requests { get; init; }

    /// <summary>
    /// Closed loop: connections that each send the next request when they have their answer. Open loop: the most connections at a time.
    /// </summary>
    public int Connections { get; init; } = 64;

    /// <summary>Open loop: requests per second, whatever the answers; null for a closed loop.</summary>
    public double? RequestsPerSecond { get; init; }

    /// <summary>Load before anything is measured, in seconds.</summary>
    public double WarmUpSeconds { get; init; } = 6;

    /// <summary>Whether warming up ends as soon as a request is refused: then the queue is full.</summary>
    public bool WarmsUpUntilRefused { get; init; }

    /// <summary>Load that is measured, in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Seed of the arrivals.</summary>
    public int Seed { get; init; }

    /// <summary>Whether, after a load of which something was refused, a request is repeated until it is admitted.</summary>
    public bool ProbesAdmission { get; init; }
}

/// <summary>What came of the load. Latencies are those of admitted requests, in milliseconds.</summary>
sealed record LoadSummary
{
    /// <summary>Scored responses per second.</summary>
    public required double ResponsesPerSecond { get; init; }

    /// <summary>Requests that were sent or should have been, in the measured time.</summary>
    public required long Requests { get; init; }

    /// <summary>Median latency; in an open loop from the moment at which the request should have been sent.</summary>
    public required double? P50Ms { get; init; }

    /// <summary>99th percentile.</summary>
    public required double? P99Ms { get; init; }

    /// <summary>The longest.</summary>
    public required double? LongestMs { get; init; }

    /// <summary>Answers by status code.</summary>
    public required ImmutableSortedDictionary<int, long> Statuses { get; init; }

    /// <summary>Requests without an answer.</summary>
    public required long Unanswered { get; init; }

    /// <summary>Median of <c>X-Total-Time</c> minus <c>X-Inference-Time</c>.</summary>
    public required double? AboveForwardMs { get; init; }

    /// <summary>Median of <c>X-Inference-Time</c>.</summary>
    public required double? ForwardMs { get; init; }

    /// <summary>429 answers that had <c>Retry-After</c>.</summary>
    public required long WithRetryAfter { get; init; }

    /// <summary>Median of <c>Retry-After</c>.</summary>
    public required double? RetryAfterSeconds { get; init; }

    /// <summary>From the end of the load until a request was admitted that was repeated twenty times a second.</summary>
    public required double? AdmittedAfterSeconds { get; init; }

    /// <summary>From the end of the load until the last request was answered: how long it took to work the queue off.</summary>
    public required double DrainSeconds { get; init; }

    /// <summary>Processor time of the client.</summary>
    public required double CpuSeconds { get; init; }
}

/// <summary>The process that sends requests: closed loop or open loop.</summary>
sealed class LoadClient : IDisposable
{
    /// <summary>The hidden verb.</summary>
    public const string Verb = "serving-client";

    static readonly TimeSpan AtMostUntilAnswered = TimeSpan.FromSeconds(60), BetweenProbes = TimeSpan.FromMilliseconds(50);

    readonly LoadPlan plan;
    readonly ImmutableArray<byte[]> requests;
    readonly CancellationTokenSource load;
    readonly long start = Stopwatch.GetTimestamp();
    readonly ConcurrentStack<HttpConnection> idle = new();
    readonly SemaphoreSlim free;
    readonly Lock gate = new();
    readonly Latencies latencies = new(), aboveForward = new(), forward = new(), retryAfter = new();
    readonly Dictionary<int, long> statuses = [];
    TimeSpan from, to;
    bool full;
    long sent, unanswered, scored;

    LoadClient(LoadPlan plan, CancellationToken ended)
    {
        (this.plan, requests, free) = (plan, Workload.Read(plan.Requests), new(plan.Connections));
        load = CancellationTokenSource.CreateLinkedTokenSource(ended);
        MeasureFrom(TimeSpan.FromSeconds(plan.WarmUpSeconds));
    }

    /// <summary>Carries out a plan.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="ended">Ends the load before its time.</param>
    public static async Task<LoadSummary> RunAsync(LoadPlan plan, CancellationToken ended)
    {
        using var client = new LoadClient(plan, ended);
        return await client.RunAsync();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        load.Dispose();
        free.Dispose();
        foreach (var connection in idle)
            connection.Dispose();
    }

    void MeasureFrom(TimeSpan begin)
    {
        (from, to) = (begin, begin + TimeSpan.FromSeconds(plan.Seconds));
        load.CancelAfter(to - Stopwatch.GetElapsedTime(start));
    }

    async Task<LoadSummary> RunAsync()
    {
        var outstanding = plan.RequestsPerSecond is { } rate
            ? await OpenLoopAsync(rate, load.Token)
            : [.. Enumerable.Range(0, plan.Connections).Select(connection => ClosedLoopAsync(connection, load.Token))];
        if (plan.RequestsPerSecond is null)
            await Task.WhenAll(outstanding);
        var over = Stopwatch.GetElapsedTime(start);
        var admitted = plan.ProbesAdmission && full ? await UntilAdmittedAsync() : null;
        await Task.WhenAll(outstanding);
        var drained = Stopwatch.GetElapsedTime(start);

        var measured = Math.Min(over.TotalSeconds, to.TotalSeconds) - from.TotalSeconds;
        return new()
        {
            ResponsesPerSecond = scored / measured,
            Requests = sent,
            P50Ms = latencies.Median,
            P99Ms = latencies.Percentile(.99),
            LongestMs = latencies.Longest,
            Statuses = statuses.ToImmutableSortedDictionary(),
            Unanswered = unanswered,
            AboveForwardMs = aboveForward.Median,
            ForwardMs = forward.Median,
            WithRetryAfter = retryAfter.Count,
            RetryAfterSeconds = retryAfter.Median,
            AdmittedAfterSeconds = admitted,
            DrainSeconds = (drained - over).TotalSeconds,
            CpuSeconds = Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds,
        };
    }

    async Task ClosedLoopAsync(int connection, CancellationToken load)
    {
        for (var next = connection; !load.IsCancellationRequested; next += plan.Connections)
            await SendAsync(requests[next % requests.Length], Stopwatch.GetElapsedTime(start));
    }

    // A request that finds no connection waits here, and its wait counts: the person who sent it would wait as well.
    async Task<List<Task>> OpenLoopAsync(double rate, CancellationToken load)
    {
        var (outstanding, next) = (new List<Task>(), 0);
        foreach (var due in Arrivals.Poisson(rate, plan.Seed))
        {
            var early = due - Stopwatch.GetElapsedTime(start);
            if (early > TimeSpan.Zero)
                await Task.Delay(early, TimeProvider.System, load).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (load.IsCancellationRequested)
                break;
            outstanding.Add(SendAsync(requests[next++ % requests.Length], due));
        }
        return outstanding;
    }

    async Task SendAsync(byte[] request, TimeSpan due)
    {
        await free.WaitAsync();
        HttpConnection? connection = null;
        try
        {
            using var patience = new CancellationTokenSource(AtMostUntilAnswered);
            if (!idle.TryPop(out connection))
                connection = await HttpConnection.OpenAsync(plan.Port, patience.Token);
            var answer = await connection.SendAsync(request, patience.Token);
            Note(due, Stopwatch.GetElapsedTime(start), answer);
            idle.Push(connection);
        }
        catch (Exception lost) when (lost is IOException or SocketException or OperationCanceledException)
        {
            connection?.Dispose();
            lock (gate)
                unanswered++;
        }
        finally
        {
            free.Release();
        }
    }

    void Note(TimeSpan due, TimeSpan finished, Answer answer)
    {
        var responses = answer.Status == 200 ? answer.Scored : 0;
        lock (gate)
        {
            if (answer.Status == 429 && !full)
            {
                full = true;
                if (plan.WarmsUpUntilRefused && finished < from)
                    MeasureFrom(finished);
            }
            if (finished >= from && finished < to)
                scored += responses;
            if (due < from || due >= to)
                return;
            sent++;
            statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
            if (answer.Status == 200)
                latencies.Add((finished - due).TotalMilliseconds);
            if (answer is { TotalMs: { } total, InferenceMs: { } inference })
            {
                forward.Add(inference);
                aboveForward.Add(total - inference);
            }
            if (answer is { Status: 429, RetryAfter: { } seconds })
                retryAfter.Add(seconds);
        }
    }

    async Task<double?> UntilAdmittedAsync()
    {
        var began = Stopwatch.GetTimestamp();
        using var patience = new CancellationTokenSource(AtMostUntilAnswered);
        using var connection = await HttpConnection.OpenAsync(plan.Port, patience.Token);
        while (!patience.IsCancellationRequested)
        {
            var asked = Stopwatch.GetElapsedTime(began);
            if ((await connection.SendAsync(requests[0], patience.Token)).Status == 200)
                return asked.TotalSeconds;
            await Task.Delay(BetweenProbes, TimeProvider.System, patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        return null;
    }
}
