using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Batching;

public sealed class ExecutorPoolTests
{
    const int Budget = 64;

    readonly ManualClock clock = new();

    [Fact]
    public async Task A_lone_request_runs_at_once()
    {
        await using var pool = Pool(executors: 1);
        var encoder = new HeldEncoder(pool);

        var vectors = await encoder.Encode([1, 2, 3], [4, 5]);

        Assert.Equal([[6, 3, 0], [9, 2, 1]], vectors);
        Assert.Equal([2, 3], Assert.Single(encoder.Batches));
        Assert.Equal(0, pool.Tokens);
    }

    [Fact]
    public async Task What_gathers_while_a_batch_runs_is_the_next_batch_sorted_by_length()
    {
        await using var pool = Pool(executors: 1);
        var encoder = new HeldEncoder(pool);
        encoder.Hold();
        var first = encoder.Encode([1]);
        await encoder.Running;
        var others = new[] { encoder.Encode([1, 2, 3], [7]), encoder.Encode([1, 2]), encoder.Encode([1, 2, 3, 4]) };
        encoder.Resume();

        await Task.WhenAll([first, .. others]);

        Assert.Equal([[1], [1, 2, 3, 4]], encoder.Batches);
        var other = await others[0];
        Assert.Equal([7, 1, 1], other[1]);
    }

    [Fact]
    public async Task A_request_of_many_responses_uses_all_idle_executors_side_by_side()
    {
        await using var pool = Pool(executors: 3);
        using var all = new Barrier(3);
        var queue = pool.Add((responses, pooled) =>
        {
            // Passes only while three batches are inside.
            Assert.True(all.SignalAndWait(TimeSpan.FromMinutes(1)));
            Requests.Encode(responses, pooled);
        }, Requests.Hidden);
        using var request = Requests.Of(queue, [1], [2], [3]);

        await pool.EncodeAsync(request, CancellationToken.None);

        Assert.Equal(2, request.Vector(1)[0]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Under_random_load_every_request_gets_its_own_answer_once_or_is_cancelled(int executors)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var answered = 0;
            var pool = Pool(executors);
            HeldEncoder[] encoders = [new(pool), new(pool), new(pool)];
            await Parallel.ForAsync(0, 400, async (n, _) =>
            {
                var random = new Random(1_000 * seed + n);
                using var cancel = new CancellationTokenSource();
                (EncoderQueue Encoder, int[] Ids)[] responses =
                    [.. Enumerable.Range(0, 1 + random.Next(8)).Select(_ => (encoders[random.Next(3)].Queue, Ids(random, longest: 50)))];
                using var request = Requests.Of(new($"tenant {random.Next(5)}", (Urgency)random.Next(2)), responses);
                var encoding = pool.EncodeAsync(request, cancel.Token);
                if (random.Next(4) == 0)
                    await cancel.CancelAsync();
                try
                {
                    await encoding;
                    for (var i = 0; i < responses.Length; i++)
                    {
                        Assert.True(
                            request.Vector(i).SequenceEqual(Requests.Expected(responses[i].Ids, i)), $"seed {seed}, request {n}, response {i}");
                    }
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException)
                {
                    Assert.True(cancel.IsCancellationRequested);
                }
            });
            await pool.DisposeAsync();

            Assert.InRange(answered, 250, 400);
            Assert.Equal(0, pool.Tokens);
            Assert.All(encoders.SelectMany(encoder => encoder.Batches), batch => Assert.True(batch.Length * batch[^1] <= Budget, $"seed {seed}"));
        }
    }

    [Fact]
    public async Task Many_at_once_never_exceed_the_capacity()
    {
        await using var pool = new ExecutorPool(new() { BatchTokens = Budget, WaitingTokens = 500, BackgroundTokens = 100 }, 2, TimeProvider.System);
        var (encoder, refused) = (new HeldEncoder(pool), 0);
        await Parallel.ForAsync(0, 1_000, async (n, _) =>
        {
            try
            {
                await encoder.Encode(new Requester("school", (Urgency)(n % 2)), CancellationToken.None, new int[1 + n % 99]);
            }
            catch (QueueFullException)
            {
                Interlocked.Increment(ref refused);
            }
            Assert.InRange(pool.Tokens, 0, 600);
        });

        Assert.Equal(0, pool.Tokens);
        Assert.Equal(1_000, refused + encoder.Batches.Sum(batch => batch.Length));
    }

    [Fact]
    public async Task A_caller_that_went_away_is_dropped_before_it_runs()
    {
        await using var pool = Pool(executors: 1);
        var encoder = new HeldEncoder(pool);
        using var cancel = new CancellationTokenSource();
        encoder.Hold();
        var running = encoder.Encode([1]);
        await encoder.Running;
        var gone = encoder.Encode(new("school"), cancel.Token, [1, 2], [1, 2, 3]);
        var patient = encoder.Encode([1, 2, 3, 4]);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        Assert.Equal(5, pool.Tokens);
        encoder.Resume();
        await Task.WhenAll(running, patient);

        Assert.Equal([[1], [4]], encoder.Batches);
    }

    [Fact]
    public async Task A_caller_that_goes_away_during_its_pass_waits_no_longer_and_its_arrays_outlive_it()
    {
        var pool = Pool(executors: 1);
        var encoder = new HeldEncoder(pool);
        using var cancel = new CancellationTokenSource();
        encoder.Hold();
        var gone = encoder.Encode(new("school"), cancel.Token, [1, 2], [1, 2, 3]);
        await encoder.Running;
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        // Had they been returned to the pool, these would now write over the ids that the pass is about to read.
        var others = Enumerable.Range(0, 50).Select(n => encoder.Encode([n, 9])).ToArray();
        encoder.Resume();

        Assert.Equal(Enumerable.Range(0, 50).Select(n => n + 9f), (await Task.WhenAll(others)).Select(vectors => vectors[0][0]));
        Assert.Equal([1, 2, 1, 2, 3], encoder.FirstIds);
        await pool.DisposeAsync();
        Assert.Equal(0, pool.Tokens);
    }

    [Fact]
    public async Task Disposing_finishes_what_is_queued()
    {
        var pool = Pool(executors: 2);
        var encoder = new HeldEncoder(pool);
        encoder.Hold();
        var requests = Enumerable.Range(1, 20).Select(n => encoder.Encode([n])).ToArray();
        await encoder.Running;
        var disposal = pool.DisposeAsync();
        Assert.False(disposal.IsCompleted);
        encoder.Resume();
        await disposal;

        Assert.Equal(Enumerable.Range(1, 20).Select(n => (float)n), (await Task.WhenAll(requests)).Select(vectors => vectors[0][0]));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => encoder.Encode([1]));
    }

    [Fact]
    public async Task Closing_an_encoder_waits_for_its_responses_and_for_no_others()
    {
        await using var pool = Pool(executors: 2);
        var (closing, other) = (new HeldEncoder(pool), new HeldEncoder(pool));
        closing.Hold();
        other.Hold();
        var last = closing.Encode([1]);
        var still = other.Encode([2]);
        await Task.WhenAll(closing.Running, other.Running);

        var closed = pool.CloseAsync(closing.Queue);
        Assert.False(closed.IsCompleted);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => closing.Encode([1]));
        closing.Resume();
        await closed;
        Assert.False(still.IsCompleted);
        other.Resume();

        await Task.WhenAll(last, still);
        await pool.CloseAsync(other.Queue);
    }

    [Fact]
    public async Task A_failed_pass_fails_its_requests_and_nothing_else()
    {
        await using var pool = Pool(executors: 1);
        var encoder = new HeldEncoder(pool);
        encoder.Hold();
        var running = encoder.Encode([1]);
        await encoder.Running;
        var innocent = encoder.Encode(new int[Budget]);
        // Cut together: the pass that fails is the one of the two that stand in it; a third response of the same request never runs.
        var poisoned = encoder.Encode([Requests.Poison], new int[Budget]);
        var beside = encoder.Encode([7]);
        encoder.Resume();

        Assert.Equal("poison", (await Assert.ThrowsAsync<InvalidOperationException>(() => poisoned)).Message);
        await Assert.ThrowsAsync<InvalidOperationException>(() => beside);
        await Task.WhenAll(running, innocent);
        var next = await encoder.Encode([5]);
        Assert.Equal([5, 1, 0], next[0]);
        Assert.Equal([[1], [1, 1], [Budget], [1]], encoder.Batches);
        Assert.Equal(0, pool.Tokens);
    }

    [Fact]
    public async Task Operators_see_what_ran_what_waited_and_what_was_refused()
    {
        await using var pool = new ExecutorPool(new() { BatchTokens = Budget, BackgroundTokens = 10 }, 1, clock);
        var encoder = new HeldEncoder(pool, this) { Duration = TimeSpan.FromSeconds(2) };
        var seen = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, itself) =>
        {
            // Other tests publish under the same name.
            if (pool.Publishes(instrument.Meter))
                itself.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>(Add);
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, state) => Add(instrument, (long)value, tags, state));
        listener.Start();

        encoder.Hold();
        var first = encoder.Encode([1]);
        await encoder.Running;
        var second = encoder.Encode([1, 2], [1, 2, 3]);
        var background = encoder.Encode(new("cohort", Urgency.Background), CancellationToken.None, new int[10]);
        await Assert.ThrowsAsync<QueueFullException>(
            () => encoder.Encode(new("cohort", Urgency.Background), CancellationToken.None, [1]));
        listener.RecordObservableInstruments();
        encoder.Resume();
        await Task.WhenAll(first, second, background);

        Assert.Equal(
            [
                "scoring.batches background 1", "scoring.batches interactive 2",
                "scoring.inference.duration background 2", "scoring.inference.duration interactive 4",
                "scoring.padding background 0", "scoring.padding interactive 1",
                "scoring.queue.duration background 4", "scoring.queue.duration interactive 2",
                "scoring.queue.refused background 1",
                "scoring.queue.tokens background 10", "scoring.queue.tokens interactive 5",
                "scoring.responses background 1", "scoring.responses interactive 3",
                "scoring.tokens background 10", "scoring.tokens interactive 6",
            ],
            seen.Select(figure => $"{figure.Key} {figure.Value}").Order(StringComparer.Ordinal));

        void Add(Instrument instrument, long value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
        {
            Assert.Equal("scoring.urgency", tags[0].Key);
            seen.AddOrUpdate($"{instrument.Name} {tags[0].Value}", value, (_, sum) => sum + value);
        }
    }

    ExecutorPool Pool(int executors) => new(new() { BatchTokens = Budget, WaitingTokens = 1_000_000, BackgroundTokens = 1_000_000 }, executors, clock);

    static int[] Ids(Random random, int longest) => [.. Enumerable.Range(0, 1 + random.Next(longest)).Select(_ => random.Next(1_000))];

    /// <summary>An encoder whose passes can be held up.</summary>
    sealed class HeldEncoder
    {
        readonly ExecutorPool pool;
        readonly ExecutorPoolTests? test;
        readonly ConcurrentQueue<int[]> batches = new();
        readonly TaskCompletionSource running = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource? held;
        int[]? firstIds;

        public HeldEncoder(ExecutorPool pool, ExecutorPoolTests? test = null)
        {
            (this.pool, this.test) = (pool, test);
            Queue = pool.Add(Run, Requests.Hidden);
        }

        public EncoderQueue Queue { get; }

        /// <summary>Lengths of the responses of each batch.</summary>
        public int[][] Batches => [.. batches];

        /// <summary>Ids of the first batch, as it read them after it was held.</summary>
        public int[] FirstIds => firstIds!;

        public TimeSpan Duration { get; init; }

        /// <summary>Completes when the first batch runs.</summary>
        public Task Running => running.Task;

        public void Hold() => held = new();

        public void Resume() => held!.SetResult();

        public Task<float[][]> Encode(params int[][] responses) => Encode(new("school"), CancellationToken.None, responses);

        public async Task<float[][]> Encode(Requester requester, CancellationToken cancel, params int[][] responses)
        {
            using var request = Requests.Of(requester, [.. responses.Select(ids => (Queue, ids))]);
            await pool.EncodeAsync(request, cancel);
            return [.. Enumerable.Range(0, responses.Length).Select(response => request.Vector(response).ToArray())];
        }

        void Run(ReadOnlySpan<EncoderInput> inputs, Span<float> pooled)
        {
            running.TrySetResult();
            held?.Task.Wait();
            batches.Enqueue([.. inputs.ToArray().Select(input => input.Ids.Length)]);
            firstIds ??= [.. inputs.ToArray().SelectMany(input => input.Ids.ToArray())];
            test?.clock.Advance(Duration);
            Requests.Encode(inputs, pooled);
        }
    }
}
