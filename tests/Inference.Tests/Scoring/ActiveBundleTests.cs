using ScoringService.Inference.Batching;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Tests.Scoring;

public sealed class ActiveBundleTests : IDisposable
{
    static readonly ResponseToScore Response = new("r", "wide", "It evaporated in the sun.");

    readonly SmallBundle bundles = new();

    public void Dispose() => bundles.Dispose();

    [Fact]
    public async Task Nothing_is_active_at_first()
    {
        await using var active = new ActiveBundle();

        Assert.Null(active.Acquire());
    }

    [Fact]
    public async Task A_request_finishes_on_the_bundle_it_began_with()
    {
        await using var active = new ActiveBundle();
        var (first, second) = (Load(seed: 1), Load(seed: 2));
        await active.ActivateAsync(first, CancellationToken.None);
        var lease = active.Acquire()!;

        var activation = active.ActivateAsync(second, CancellationToken.None);
        while (await ScoreNow(active) != second.Bundle.Id)
            Assert.False(activation.IsCompleted);
        var late = (ScoredResponse)(await lease.Scorer.ScoreAsync([Response], new("school"), CancellationToken.None)).Results[0];

        Assert.Equal(first.Bundle.Id, late.Bundle);
        Assert.False(activation.IsCompleted);
        lease.Dispose();
        lease.Dispose();
        await activation;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => first.ScoreAsync([Response], new("school"), CancellationToken.None));
    }

    [Fact]
    public async Task Twenty_swaps_under_traffic_lose_no_request()
    {
        await using var executors = new ExecutorPool(new() { WaitingTokens = 200 }, executors: 2, TimeProvider.System);
        await using var active = new ActiveBundle();
        Bundle[] published = [bundles.Publish(seed: 0), bundles.Publish(seed: 1)];
        await active.ActivateAsync(Scorer.Load(published[0], new ServingOptions(), executors), CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var seen = new System.Collections.Concurrent.ConcurrentDictionary<string, bool>();
        var traffic = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                seen.TryAdd(await ScoreNow(active), true);
        })).ToArray();

        for (var swap = 1; swap <= 20; swap++)
        {
            var next = Scorer.Load(published[swap % 2], new ServingOptions(), executors);
            seen.Clear();
            await active.ActivateAsync(next, CancellationToken.None);
            while (!seen.ContainsKey(next.Bundle.Id))
            {
                Assert.DoesNotContain(traffic, task => task.IsFaulted);
                Assert.Equal(next.Bundle.Id, await ScoreNow(active));
            }
        }
        await stop.CancelAsync();
        await Task.WhenAll(traffic);

        Assert.Equal(0, executors.Tokens);
    }

    [Fact]
    public async Task A_bundle_that_fails_its_probe_is_never_active()
    {
        await using var active = new ActiveBundle();
        var good = Load(seed: 1);
        await active.ActivateAsync(good, CancellationToken.None);
        var bad = Scorer.Load(bundles.Publish(seed: 2, headScale: 3e38f), new ServingOptions(), TimeProvider.System);

        await Assert.ThrowsAsync<NotFiniteNumberException>(() => active.ActivateAsync(bad, CancellationToken.None));

        Assert.Equal(good.Bundle.Id, await ScoreNow(active));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => bad.ScoreAsync([Response], new("school"), CancellationToken.None));
    }

    [Fact]
    public async Task After_the_end_nothing_becomes_active()
    {
        var active = new ActiveBundle();
        await active.ActivateAsync(Load(seed: 1), CancellationToken.None);
        await active.DisposeAsync();

        Assert.Null(active.Acquire());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => active.ActivateAsync(Load(seed: 2), CancellationToken.None));
    }

    Scorer Load(int seed) => Scorer.Load(bundles.Publish(seed), new ServingOptions(), TimeProvider.System);

    /// <summary>Scores with whatever is active.</summary>
    /// <returns>Id of the bundle in the result.</returns>
    static async Task<string> ScoreNow(ActiveBundle active)
    {
        using var lease = active.Acquire()!;
        var scored = (ScoredResponse)(await lease.Scorer.ScoreAsync([Response], new("school"), CancellationToken.None)).Results[0];
        Assert.Equal(lease.Scorer.Bundle.Id, scored.Bundle);
        return scored.Bundle;
    }
}
