using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Inference.Scoring;

/// <summary>
/// A bundle ready to score: tokenizer, encoders with their queues, heads and scales. A score depends on the text, the item and the bundle only.
/// </summary>
public sealed class Scorer : IAsyncDisposable
{
    const double ProbeTolerance = 1e-5;

    static readonly ImmutableArray<string> Probes =
    [
        "Because he is greedy!",
        "I think he says this because he wanted the others to believe that it was not his fault, and he is afraid of what they will do.",
        "Yes",
    ];

    readonly BertTokenizer tokenizer;
    readonly Admission admission;
    readonly ReviewOptions review;
    readonly int maxTokens;
    readonly ImmutableArray<ServedEncoder> encoders;
    readonly Dictionary<string, ServedItem> items = [];

    Scorer(Bundle bundle, BertTokenizer tokenizer, ImmutableArray<ServedEncoder> encoders, Admission admission, ReviewOptions review)
    {
        (Bundle, this.tokenizer, this.encoders, this.admission, this.review) = (bundle, tokenizer, encoders, admission, review);
        maxTokens = bundle.Manifest.Tokenizer.MaxTokens;
        foreach (var encoder in encoders)
        {
            foreach (var id in encoder.Definition.Items)
            {
                var item = bundle.Items[id];
                var expert = encoder.Definition.Items.IndexOf(id);
                items.Add(id, new ServedItem(item, encoder, expert, new ScoreScale(item.Definition, item.Calibration)));
            }
        }
    }

    /// <summary>The bundle.</summary>
    public Bundle Bundle { get; }

    /// <summary>Loads the encoders of a bundle and starts their queues.</summary>
    /// <param name="bundle">An open bundle; its files stay in use until the scorer is disposed.</param>
    /// <param name="options">How it is served.</param>
    /// <param name="time">Clock of the durations and the measured rate.</param>
    /// <exception cref="InvalidDataException">The tokenizer is not one of BERT.</exception>
    /// <exception cref="InvalidOperationException">
    /// The execution provider cannot be used, or an encoder reads fewer tokens than the bundle sends.
    /// </exception>
    public static Scorer Load(Bundle bundle, ServingOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        var tokenizer = BertTokenizer.Load(bundle.TokenizerDirectory);
        var loaded = new List<(BundleEncoder Encoder, EncoderSession Session, HeadBank Heads)>();
        try
        {
            foreach (var encoder in bundle.Manifest.Encoders)
            {
                var session = EncoderSession.Load(bundle.GraphPath(encoder), options.Runtime);
                var heads = new HeadBank(encoder.Items.ToDictionary(id => id, id => bundle.Heads[id]), session.HiddenSize);
                loaded.Add((encoder, session, heads));
                if (session.MaxTokens < bundle.Manifest.Tokenizer.MaxTokens)
                {
                    throw new InvalidOperationException(
                        $"Encoder '{encoder.Name}' of bundle {bundle.Id} reads {session.MaxTokens} tokens; the bundle cuts responses to "
                        + $"{bundle.Manifest.Tokenizer.MaxTokens}. Make the bundle again with a smaller maximum.");
                }
            }
        }
        catch
        {
            loaded.ForEach(part => part.Session.Dispose());
            throw;
        }

        var admission = new Admission(options.Queue.WaitingTokens, time);
        var encoders = loaded.Select(part => new ServedEncoder(
            part.Encoder,
            part.Session,
            part.Heads,
            new EncoderQueue(part.Session.Encode, part.Session.HiddenSize, options.Queue, admission, time)));
        return new Scorer(bundle, tokenizer, [.. encoders], admission, options.Review);
    }

    /// <summary>Scores responses to any items of the bundle.</summary>
    /// <param name="responses">The responses; each one's result comes at the same place.</param>
    /// <param name="requester">Who waits for them.</param>
    /// <param name="cancel">Ends the wait; what has not begun to run never will.</param>
    /// <exception cref="QueueFullException">Too many tokens wait; none of the responses was queued.</exception>
    /// <exception cref="NotFiniteNumberException">An encoder or head gave a number that is not finite.</exception>
    public async Task<ScoredBatch> ScoreAsync(IReadOnlyList<ResponseToScore> responses, Requester requester, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(responses);
        var results = new ResponseResult[responses.Count];
        var readings = new Dictionary<ServedEncoder, List<Reading>>();
        for (var i = 0; i < results.Length; i++)
        {
            if (!items.TryGetValue(responses[i].ItemId, out var item))
            {
                results[i] = Reject(responses[i]);
                continue;
            }
            var tokens = tokenizer.Tokenize(responses[i].Text, maxTokens);
            if (tokens.IsEmpty)
                results[i] = Empty(responses[i], item, tokens);
            else if (readings.TryGetValue(item.Encoder, out var others))
                others.Add(new Reading(i, item, tokens));
            else
                readings.Add(item.Encoder, [new Reading(i, item, tokens)]);
        }

        admission.Enter(readings.Values.Sum(group => group.Sum(reading => reading.Tokens.Ids.LongLength)));
        var encoded = await Task.WhenAll(
            readings.Select(group => group.Key.Queue.EncodeAsync([.. group.Value.Select(reading => new EncoderInput(reading.Tokens.Ids, reading.Item.Expert))], cancel)));
        foreach (var (group, pooled) in readings.Zip(encoded))
        {
            for (var row = 0; row < group.Value.Count; row++)
                results[group.Value[row].Position] = Score(responses[group.Value[row].Position], group.Value[row], pooled[row]);
        }
        return new ScoredBatch(
            ImmutableCollectionsMarshal.AsImmutableArray(results),
            encoded.Select(request => request.QueueTime).DefaultIfEmpty().Max(),
            encoded.Select(request => request.InferenceTime).DefaultIfEmpty().Max());
    }

    /// <summary>
    /// Runs probe responses through every encoder and head, together and one by one: buffers are allocated, the rate is measured, and a bundle
    /// whose scores are not finite or depend on the batch is found out before anyone is scored by it.
    /// </summary>
    /// <param name="cancel">Ends the probe.</param>
    /// <exception cref="InvalidOperationException">A probe is scored differently alone and in a batch.</exception>
    /// <exception cref="NotFiniteNumberException">A probe's score is not finite.</exception>
    public async Task ProbeAsync(CancellationToken cancel)
    {
        int[][] probes = [.. Probes.Select(text => tokenizer.Encode(text, maxTokens))];
        foreach (var encoder in encoders)
        {
            // Where items have experts of their own, each one meets each probe.
            var experts = encoder.Session.ReadsExpert ? encoder.Definition.Items.Length : 1;
            EncoderInput[] inputs = [.. Enumerable.Range(0, experts).SelectMany(expert => probes.Select(ids => new EncoderInput(ids, expert)))];
            var together = await EncodeAsync(encoder, inputs, cancel);
            for (var i = 0; i < inputs.Length; i++)
            {
                var alone = await EncodeAsync(encoder, [inputs[i]], cancel);
                foreach (var id in experts == 1 ? encoder.Definition.Items : [encoder.Definition.Items[inputs[i].Expert]])
                    Compare(items[id], together[i], alone[0]);
            }
        }
    }

    /// <summary>Finishes what is queued, then lets go of the encoders.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var encoder in encoders)
        {
            await encoder.Queue.DisposeAsync();
            encoder.Session.Dispose();
        }
    }

    ScoredResponse Score(ResponseToScore response, Reading reading, ReadOnlySpan<float> pooled)
    {
        var (item, tokens) = (reading.Item, reading.Tokens);
        var (score, labels, confidence) = item.Scale.Score(item.Encoder.Heads.Logits(pooled, response.ItemId));
        return new ScoredResponse(response.ResponseId, response.ItemId)
        {
            Score = score,
            Labels = labels,
            Confidence = confidence,
            Flags = review.Flags(tokens, confidence, item.Item.Trained),
            Bundle = Bundle.Id,
            Encoder = item.Encoder.Definition.Name,
            Tokens = tokens.Ids.Length,
            Truncated = tokens.Truncated,
        };
    }

    ScoredResponse Empty(ResponseToScore response, ServedItem item, TokenizedResponse tokens) => new(response.ResponseId, response.ItemId)
    {
        Score = item.Scale.Empty(),
        Labels = [],
        Confidence = 0,
        Flags = [ReviewReason.Empty],
        Bundle = Bundle.Id,
        Encoder = item.Encoder.Definition.Name,
        Tokens = tokens.Ids.Length,
        Truncated = tokens.Truncated,
    };

    static RejectedResponse Reject(ResponseToScore response) => new(response.ResponseId, response.ItemId, new Rejection(
        "urn:scoring:problem:unknown-item",
        "The item cannot be scored.",
        $"The active bundle does not score item '{response.ItemId}'. Ask GET /v1/items for those it does."));

    Task<EncodedResponses> EncodeAsync(ServedEncoder encoder, EncoderInput[] probes, CancellationToken cancel)
    {
        admission.Enter(probes.Sum(probe => probe.Ids.LongLength));
        return encoder.Queue.EncodeAsync(probes, cancel);
    }

    void Compare(ServedItem item, ReadOnlySpan<float> together, ReadOnlySpan<float> alone)
    {
        var id = item.Item.Definition.Id;
        var difference = item.Scale.Score(item.Encoder.Heads.Logits(together, id)).Labels
            .Zip(item.Scale.Score(item.Encoder.Heads.Logits(alone, id)).Labels, (a, b) => Math.Abs(a.Probability - b.Probability)).Max();
        if (difference > ProbeTolerance)
        {
            throw new InvalidOperationException(
                $"Bundle {Bundle.Id} scores a response to item '{id}' differently alone and in a batch, by {difference:g2}. Do not use it.");
        }
    }

    sealed record ServedEncoder(BundleEncoder Definition, EncoderSession Session, HeadBank Heads, EncoderQueue Queue);

    sealed record ServedItem(BundleItem Item, ServedEncoder Encoder, int Expert, ScoreScale Scale);

    /// <summary>A response on its way through an encoder.</summary>
    readonly record struct Reading(int Position, ServedItem Item, TokenizedResponse Tokens);
}
