using System.Collections.Concurrent;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Batching;

public sealed class EncoderQueueTests
{
    const int Hidden = 2;
    const int Budget = 64;

    readonly ManualClock clock = new();
    readonly Admission admission;

    public EncoderQueueTests() => admission = new Admission(1_000_000, clock);

    [Fact]
    public async Task A_lone_request_runs_at_once()
    {
        await using var encoder = new FakeEncoder(this);

        var encoded = await encoder.Encode([1, 2, 3], [4, 5]);

        Assert.Equal([6f, 3f], encoded[0].ToArray());
        Assert.Equal([9f, 2f], encoded[1].ToArray());
        Assert.Equal([2, 3], Assert.Single(encoder.Batches));
        Assert.Equal(0, admission.Tokens);
    }

    [Fact]
    public async Task What_gathers_while_a_batch_runs_is_the_next_batch_sorted_by_length()
    {
        await using var encoder = new FakeEncoder(this);
        encoder.Hold();
        var first = encoder.Encode([1]);
        await encoder.Running;
        var others = new[] { encoder.Encode([1, 2, 3], [7]), encoder.Encode([1, 2]), encoder.Encode([1, 2, 3, 4]) };
        encoder.Resume();

        await Task.WhenAll([first, .. others]);

        Assert.Equal([[1], [1, 2, 3, 4]], encoder.Batches);
        var other = await others[0];
        Assert.Equal([7f, 1f], other[1].ToArray());
    }

    [Fact]
    public async Task A_batch_keeps_to_its_budget_padding_included()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            await using var encoder = new FakeEncoder(this);
            await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => encoder.Encode(Responses(random, count: 12, longest: 40))));

            Assert.All(encoder.Batches, batch => Assert.True(batch.Length * batch[^1] <= Budget || batch.Length == 1, $"seed {seed}"));
            Assert.Equal(30 * 12, encoder.Batches.Sum(batch => batch.Length));
        }
    }

    [Fact]
    public async Task A_response_over_the_budget_runs_alone()
    {
        await using var encoder = new FakeEncoder(this);

        var encoded = await encoder.Encode([1], new int[5 * Budget], [2]);

        Assert.Equal([[1, 1], [5 * Budget]], encoder.Batches);
        Assert.Equal([0f, 5f * Budget], encoded[1].ToArray());
    }

    [Fact]
    public async Task Under_random_load_every_request_gets_its_own_answer_once_or_is_cancelled()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var answered = 0;
            await using var encoder = new FakeEncoder(this);
            await Parallel.ForAsync(0, 300, async (n, _) =>
            {
                var random = new Random(1_000 * seed + n);
                using var cancel = new CancellationTokenSource();
                var responses = Responses(random, 1 + random.Next(8), longest: 50);
                var request = encoder.Encode(cancel.Token, responses);
                if (random.Next(4) == 0)
                    await cancel.CancelAsync();
                try
                {
                    var encoded = await request;
                    for (var i = 0; i < responses.Length; i++)
                        Assert.True(encoded[i].SequenceEqual([responses[i].Sum(), responses[i].Length]), $"seed {seed}, request {n}, response {i}");
                    Interlocked.Increment(ref answered);
                }
                catch (OperationCanceledException)
                {
                    Assert.True(cancel.IsCancellationRequested);
                }
            });
            await encoder.DisposeAsync();

            Assert.InRange(answered, 200, 300);
            Assert.Equal(0, admission.Tokens);
        }
    }

    [Fact]
    public async Task A_caller_that_went_away_is_dropped_before_it_runs()
    {
        await using var encoder = new FakeEncoder(this);
        using var cancel = new CancellationTokenSource();
        encoder.Hold();
        var running = encoder.Encode([1]);
        await encoder.Running;
        var gone = encoder.Encode(cancel.Token, [1, 2], [1, 2, 3]);
        var patient = encoder.Encode([1, 2, 3, 4]);
        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        encoder.Resume();
        await Task.WhenAll(running, patient);

        Assert.Equal([[1], [4]], encoder.Batches);
        Assert.Equal(0, admission.Tokens);
    }

    [Fact]
    public async Task Disposing_finishes_what_is_queued()
    {
        var encoder = new FakeEncoder(this);
        encoder.Hold();
        var requests = Enumerable.Range(1, 20).Select(n => encoder.Encode([n])).ToArray();
        await encoder.Running;
        var disposal = encoder.DisposeAsync();
        Assert.False(disposal.IsCompleted);
        encoder.Resume();
        await disposal;

        Assert.All(requests, request => Assert.True(request.IsCompletedSuccessfully));
        Assert.Throws<ObjectDisposedException>(() => { _ = encoder.Encode([1]); });
    }

    [Fact]
    public async Task A_failed_pass_fails_its_requests_and_nothing_else()
    {
        await using var encoder = new FakeEncoder(this);

        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => encoder.Encode([FakeEncoder.Poison]));

        Assert.Equal("poison", failure.Message);
        var next = await encoder.Encode([5]);
        Assert.Equal([5f, 1f], next[0].ToArray());
        Assert.Equal(0, admission.Tokens);
    }

    [Fact]
    public async Task Waiting_and_running_are_told_apart()
    {
        await using var encoder = new FakeEncoder(this) { Duration = TimeSpan.FromSeconds(2) };
        encoder.Hold();
        var first = encoder.Encode([1]);
        await encoder.Running;
        var second = encoder.Encode([1], new int[Budget]);
        encoder.Resume();

        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(2)), ((await first).QueueTime, (await first).InferenceTime));
        Assert.Equal((TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4)), ((await second).QueueTime, (await second).InferenceTime));
    }

    static int[][] Responses(Random random, int count, int longest) =>
        [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, 1 + random.Next(longest)).Select(_ => random.Next(1_000)).ToArray())];

    /// <summary>A queue in front of an encoder whose vector for a response is the sum and the number of its ids.</summary>
    sealed class FakeEncoder : IAsyncDisposable
    {
        public const int Poison = -1;

        readonly EncoderQueueTests test;
        readonly EncoderQueue queue;
        readonly ConcurrentQueue<int[]> batches = new();
        readonly ManualResetEventSlim resumed = new(initialState: true);
        readonly TaskCompletionSource running = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public FakeEncoder(EncoderQueueTests test)
        {
            this.test = test;
            queue = new EncoderQueue(Run, Hidden, new QueueOptions { BatchTokens = Budget }, test.admission, test.clock);
        }

        /// <summary>Lengths of the responses of each batch.</summary>
        public int[][] Batches => [.. batches];

        public TimeSpan Duration { get; init; }

        /// <summary>Completes when the first batch runs.</summary>
        public Task Running => running.Task;

        public void Hold() => resumed.Reset();

        public void Resume() => resumed.Set();

        public Task<EncodedResponses> Encode(params int[][] responses) => Encode(CancellationToken.None, responses);

        public Task<EncodedResponses> Encode(CancellationToken cancel, params int[][] responses)
        {
            test.admission.Enter(responses.Sum(ids => ids.Length));
            return queue.EncodeAsync([.. responses.Select(ids => new EncoderInput(ids))], cancel);
        }

        public ValueTask DisposeAsync() => queue.DisposeAsync();

        void Run(ReadOnlySpan<EncoderInput> inputs, Span<float> pooled)
        {
            int[][] responses = [.. inputs.ToArray().Select(input => input.Ids)];
            running.TrySetResult();
            resumed.Wait();
            batches.Enqueue([.. responses.Select(ids => ids.Length)]);
            test.clock.Advance(Duration);
            for (var i = 0; i < responses.Length; i++)
            {
                if (responses[i][0] == Poison)
                    throw new InvalidOperationException("poison");
                pooled[i * Hidden] = responses[i].Sum();
                pooled[i * Hidden + 1] = responses[i].Length;
            }
        }
    }
}
