using System.Buffers;
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
    readonly BertTokenizer tokenizer;
    readonly ExecutorPool executors;
    readonly bool ownsExecutors;
    readonly ReviewOptions review;
    readonly int maxTokens;
    readonly ImmutableArray<(ServedEncoder Encoder, ImmutableArray<ServedItem> Items)> encoders;
    readonly Dictionary<string, ServedItem> items = new(StringComparer.Ordinal);

    Scorer(
        Bundle bundle, BertTokenizer tokenizer, IEnumerable<ServedEncoder> encoders, ExecutorPool executors, bool ownsExecutors, ReviewOptions review)
    {
        (Bundle, this.tokenizer, this.executors, this.ownsExecutors, this.review) = (bundle, tokenizer, executors, ownsExecutors, review);
        maxTokens = bundle.Manifest.Tokenizer.MaxTokens;
        this.encoders =
        [
            .. encoders.Select(encoder => (
                encoder, encoder.Definition.Items.Select((id, expert) => new ServedItem(bundle.Items[id], encoder, expert)).ToImmutableArray())),
        ];
        foreach (var item in this.encoders.SelectMany(encoder => encoder.Items))
            items.Add(item.Item.Definition.Id, item);
    }

    /// <summary>The bundle.</summary>
    public Bundle Bundle { get; }

    /// <summary>Loads the encoders of a bundle, with threads of its own to run them.</summary>
    /// <inheritdoc cref="Load(Bundle, ServingOptions, ExecutorPool)"/>
    /// <param name="bundle">An open bundle; its files stay in use until the scorer is disposed.</param>
    /// <param name="options">How it is served.</param>
    /// <param name="time">Clock of the durations and the measured rate.</param>
    public static Scorer Load(Bundle bundle, ServingOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        var (tokenizer, sessions) = Open(bundle, options, options.Executors);
        return Serve(bundle, options, tokenizer, sessions, new ExecutorPool(options.Queue, options.Executors, time), ownsExecutors: true);
    }

    /// <summary>Loads the encoders of a bundle.</summary>
    /// <param name="bundle">An open bundle; its files stay in use until the scorer is disposed.</param>
    /// <param name="options">How it is served.</param>
    /// <param name="executors">The threads that run them, with their queue: in their place <paramref name="options"/> say nothing.</param>
    /// <exception cref="InvalidDataException">The tokenizer is not one of BERT.</exception>
    /// <exception cref="InvalidOperationException">
    /// The execution provider cannot be used, or an encoder reads fewer tokens than the bundle sends.
    /// </exception>
    public static Scorer Load(Bundle bundle, ServingOptions options, ExecutorPool executors)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(executors);
        var (tokenizer, sessions) = Open(bundle, options, executors.Executors);
        return Serve(bundle, options, tokenizer, sessions, executors, ownsExecutors: false);
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
        var readings = ArrayPool<Reading>.Shared.Rent(Math.Max(1, responses.Count));
        using var request = new EncodeRequest(requester, responses.Count);
        try
        {
            Read(responses, results, readings, request);
            if (request.Responses > 0)
                await executors.EncodeAsync(request, cancel);
            for (var row = 0; row < request.Responses; row++)
                results[readings[row].Position] = Score(responses[readings[row].Position], readings[row], request.Vector(row));
        }
        finally
        {
            // Cleared, lest an array at rest keep a retired bundle in memory.
            ArrayPool<Reading>.Shared.Return(readings, clearArray: true);
        }
        return new ScoredBatch(ImmutableCollectionsMarshal.AsImmutableArray(results), request.QueueTime, request.InferenceTime);
    }

    /// <summary>
    /// Runs probe responses through every encoder and head: buffers are allocated, the rate is measured, and a bundle whose scores are not finite or
    /// depend on the batch is found out before anyone is scored by it. However full the queue is, probes are admitted.
    /// </summary>
    /// <param name="cancel">Ends the probe.</param>
    /// <exception cref="InvalidOperationException">A probe is scored differently alone and in a batch.</exception>
    /// <exception cref="NotFiniteNumberException">A probe's score is not finite.</exception>
    public async Task ProbeAsync(CancellationToken cancel)
    {
        var probe = new BundleProbe(Bundle.Id, executors, tokenizer, maxTokens);
        // One after the other: while another bundle answers, this one must not take more than one encoder's share.
        foreach (var (encoder, itsItems) in encoders)
            await probe.RunAsync(encoder, itsItems, cancel);
    }

    /// <summary>Finishes what is queued, then lets go of the encoders.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var (encoder, _) in encoders)
        {
            await executors.CloseAsync(encoder.Queue);
            encoder.Session.Dispose();
        }
        if (ownsExecutors)
            await executors.DisposeAsync();
    }

    static (BertTokenizer Tokenizer, List<(BundleEncoder, IEncoder, HeadBank)> Sessions) Open(
        Bundle bundle, ServingOptions options, int executors)
    {
        var runtime = options.Runtime.Threads > 0
            ? options.Runtime
            : options.Runtime with { Threads = Math.Max(1, Environment.ProcessorCount / executors) };
        var tokenizer = BertTokenizer.Load(bundle.TokenizerDirectory);
        var opened = new List<(BundleEncoder Encoder, IEncoder Session, HeadBank Heads)>();
        try
        {
            foreach (var encoder in bundle.Manifest.Encoders)
            {
                var session = bundle.Load(encoder, options.Engine, runtime);
                try
                {
                    if (session.MaxTokens < bundle.Manifest.Tokenizer.MaxTokens)
                    {
                        throw new InvalidOperationException(
                            $"Encoder '{encoder.Name}' of bundle {bundle.Id} reads {session.MaxTokens} tokens; the bundle cuts responses to "
                            + $"{bundle.Manifest.Tokenizer.MaxTokens}. Make the bundle again with a smaller maximum.");
                    }
                    opened.Add((encoder, session, new HeadBank([.. encoder.Items.Select(id => (id, bundle.Heads[id]))], session.HiddenSize)));
                }
                catch
                {
                    session.Dispose();
                    throw;
                }
            }
        }
        catch
        {
            opened.ForEach(part => part.Session.Dispose());
            throw;
        }
        return (tokenizer, opened);
    }

    static Scorer Serve(
        Bundle bundle, ServingOptions options, BertTokenizer tokenizer, List<(BundleEncoder Encoder, IEncoder Session, HeadBank Heads)> sessions,
        ExecutorPool executors, bool ownsExecutors)
    {
        var encoders = sessions.Select(part => new ServedEncoder(
            part.Encoder, part.Session, part.Heads, executors.Add(part.Session.Encode, part.Session.HiddenSize, part.Session.ResponsesSideBySide)));
        return new Scorer(bundle, tokenizer, encoders, executors, ownsExecutors, options.Review);
    }

    /// <summary>Tokenizes responses into a request; those that no encoder has to read get their result here.</summary>
    void Read(IReadOnlyList<ResponseToScore> responses, ResponseResult[] results, Reading[] readings, EncodeRequest request)
    {
        for (var i = 0; i < results.Length; i++)
        {
            if (!items.TryGetValue(responses[i].ItemId, out var item))
            {
                results[i] = Reject(responses[i]);
                continue;
            }
            var tokens = tokenizer.Tokenize(responses[i].Text, request.Room(maxTokens));
            if (tokens.IsEmpty)
            {
                results[i] = Empty(responses[i], item, tokens);
                continue;
            }
            readings[request.Responses] = new(i, item, tokens);
            request.Add(item.Encoder.Queue, tokens.Tokens, item.Expert);
        }
    }

    ScoredResponse Score(ResponseToScore response, Reading reading, ReadOnlySpan<float> pooled)
    {
        var (item, tokens) = (reading.Item, reading.Tokens);
        var (score, labels, confidence) = item.Score(pooled);
        return new ScoredResponse(response.ResponseId, response.ItemId)
        {
            Score = score,
            Labels = labels,
            Confidence = confidence,
            Flags = review.Flags(tokens, confidence, item.Item.Trained),
            Bundle = Bundle.Id,
            Encoder = item.Encoder.Definition.Name,
            Tokens = tokens.Tokens,
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
        Tokens = tokens.Tokens,
        Truncated = tokens.Truncated,
    };

    static RejectedResponse Reject(ResponseToScore response) => new(response.ResponseId, response.ItemId, new Rejection(
        "urn:scoring:problem:unknown-item",
        "The item cannot be scored.",
        $"The active bundle does not score item '{response.ItemId}'. Ask GET /v1/items for those it does."));

    /// <summary>A response on its way through an encoder.</summary>
    readonly record struct Reading(int Position, ServedItem Item, TokenizedResponse Tokens);
}
