using System.Collections.Immutable;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Inference.Scoring;

/// <summary>
/// Runs responses through a bundle that nobody uses yet: buffers are allocated, and a bundle whose scores are not finite or depend on the batch is
/// found out before anyone is scored by it. Its work does not grow with the items, except that an expert of an item's own runs once.
/// </summary>
/// <param name="bundle">Id of the bundle.</param>
/// <param name="executors">The threads that run encoders.</param>
/// <param name="tokenizer">The bundle's tokenizer.</param>
/// <param name="maxTokens">Longest response of the bundle in tokens.</param>
sealed class BundleProbe(string bundle, ExecutorPool executors, BertTokenizer tokenizer, int maxTokens)
{
    const double Tolerance = 1e-5;

    /// <summary>Experts that also run alone.</summary>
    const int ExpertsAlone = 8;

    static readonly ImmutableArray<string> Texts =
    [
        "It evaporated in the sun.",
        "I think he says this because he wanted the others to believe that it was not his fault, and he is afraid of what they will do.",
        "Yes",
    ];

    readonly ImmutableArray<int[]> probes = [.. Texts.Select(text => tokenizer.Encode(text, maxTokens))];

    /// <summary>Probes an encoder and the heads of its items.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="items">Its items, in the order of the encoder.</param>
    /// <param name="cancel">Ends the probe.</param>
    /// <exception cref="InvalidOperationException">A probe is scored differently alone and in a batch.</exception>
    /// <exception cref="NotFiniteNumberException">A probe's score is not finite.</exception>
    public async Task RunAsync(ServedEncoder encoder, ImmutableArray<ServedItem> items, CancellationToken cancel)
    {
        await WarmUp(encoder, cancel);
        if (encoder.Session.ReadsExpert)
            await ProbeExperts(encoder, items, cancel);
        else
            await ProbeShared(encoder, items, cancel);
    }

    /// <summary>A full batch of the longest responses; one, because a student who comes meanwhile may have to wait for it.</summary>
    async Task WarmUp(ServedEncoder encoder, CancellationToken cancel)
    {
        var longest = tokenizer.Encode(string.Join(' ', Enumerable.Repeat(Texts[1], maxTokens)), maxTokens);
        var count = Math.Max(1, executors.Queue.BatchTokens / longest.Length);
        using var full = await Encode(encoder, [.. Enumerable.Repeat((longest, 0), count)], cancel);
    }

    /// <summary>All items read the same vectors: each head scores every probe as it was alone and in a batch.</summary>
    async Task ProbeShared(ServedEncoder encoder, ImmutableArray<ServedItem> items, CancellationToken cancel)
    {
        using var together = await Encode(encoder, [.. probes.Select(ids => (ids, 0))], cancel);
        for (var probe = 0; probe < probes.Length; probe++)
        {
            using var alone = await Encode(encoder, [(probes[probe], 0)], cancel);
            foreach (var item in items)
                Compare(item, together.Vector(probe), alone.Vector(0));
        }
    }

    /// <summary>Each item's expert runs once, in batches that mix items; a sample of them runs alone too.</summary>
    async Task ProbeExperts(ServedEncoder encoder, ImmutableArray<ServedItem> items, CancellationToken cancel)
    {
        using var together = await Encode(encoder, [.. items.Select(item => (ProbeOf(item), item.Expert))], cancel);
        foreach (var item in items)
            item.Score(together.Vector(item.Expert));

        var sampled = Math.Min(ExpertsAlone, items.Length);
        for (var i = 0; i < sampled; i++)
        {
            var item = items[i * items.Length / sampled];
            using var alone = await Encode(encoder, [(ProbeOf(item), item.Expert)], cancel);
            Compare(item, together.Vector(item.Expert), alone.Vector(0));
        }
    }

    int[] ProbeOf(ServedItem item) => probes[item.Expert % probes.Length];

    async Task<EncodeRequest> Encode(ServedEncoder encoder, ImmutableArray<(int[] Ids, int Expert)> responses, CancellationToken cancel)
    {
        var request = new EncodeRequest(new("", Urgency.Interactive), responses.Length) { IsProbe = true };
        try
        {
            foreach (var (ids, expert) in responses)
            {
                ids.CopyTo(request.Room(ids.Length));
                request.Add(encoder.Queue, ids.Length, expert);
            }
            await executors.EncodeAsync(request, cancel);
            return request;
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    void Compare(ServedItem item, ReadOnlySpan<float> together, ReadOnlySpan<float> alone)
    {
        var difference = item.Score(together).Labels.Zip(item.Score(alone).Labels, (a, b) => Math.Abs(a.Probability - b.Probability)).Max();
        if (difference > Tolerance)
        {
            throw new InvalidOperationException(
                $"Bundle {bundle} scores a response to item '{item.Item.Definition.Id}' differently alone and in a batch, "
                + $"by {difference:g2}. Do not use it.");
        }
    }
}
