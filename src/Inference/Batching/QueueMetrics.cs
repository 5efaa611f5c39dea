using System.Diagnostics.Metrics;

namespace ScoringService.Inference.Batching;

/// <summary>What operators see of the queue, under the meter <see cref="Name"/>. Every figure carries the tag <c>scoring.urgency</c>.</summary>
sealed class QueueMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "ScoringService.Inference";

    static readonly KeyValuePair<string, object?> Interactive = new("scoring.urgency", "interactive");
    static readonly KeyValuePair<string, object?> Background = new("scoring.urgency", "background");

    readonly Meter meter = new(Name);
    readonly Counter<long> batches;
    readonly Counter<long> responses;
    readonly Counter<long> tokens;
    readonly Counter<long> padding;
    readonly Counter<long> refused;
    readonly Histogram<double> queueTime;
    readonly Histogram<double> inferenceTime;

    /// <summary>Opens the meter.</summary>
    /// <param name="waiting">Tokens of an urgency that wait.</param>
    public QueueMetrics(Func<Urgency, long> waiting)
    {
        batches = meter.CreateCounter<long>("scoring.batches", "{batch}", "Forward passes.");
        responses = meter.CreateCounter<long>("scoring.responses", "{response}", "Responses that ran.");
        tokens = meter.CreateCounter<long>("scoring.tokens", "{token}", "Tokens that ran, without padding.");
        padding = meter.CreateCounter<long>("scoring.padding", "{token}", "Padding that ran; its share is this over the sum with scoring.tokens.");
        refused = meter.CreateCounter<long>("scoring.queue.refused", "{request}", "Requests refused because the queue was full.");
        queueTime = meter.CreateHistogram<double>("scoring.queue.duration", "s", "How long an answered request waited while none of it ran.");
        inferenceTime = meter.CreateHistogram<double>("scoring.inference.duration", "s", "How long a forward pass took.");
        meter.CreateObservableUpDownCounter<long>(
            "scoring.queue.tokens",
            () => [new(waiting(Urgency.Interactive), Interactive), new(waiting(Urgency.Background), Background)], "{token}", "Tokens that wait.");
    }

    /// <summary>Whether a meter is this one: every pool has its own, under the same name.</summary>
    public bool Is(Meter other) => meter == other;

    /// <summary>A request was refused.</summary>
    public void Refused(Urgency urgency) => refused.Add(1, Tag(urgency));

    /// <summary>A forward pass has ended.</summary>
    public void Ran(EncoderBatch batch, TimeSpan duration)
    {
        var tag = Tag(batch.Urgency);
        batches.Add(1, tag);
        responses.Add(batch.Count, tag);
        tokens.Add(batch.Tokens, tag);
        padding.Add(batch.PaddedTokens - batch.Tokens, tag);
        inferenceTime.Record(duration.TotalSeconds, tag);
        foreach (var request in batch.Over)
        {
            if (request.IsAnswered)
                queueTime.Record(request.QueueTime.TotalSeconds, tag);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();

    static KeyValuePair<string, object?> Tag(Urgency urgency) => urgency == Urgency.Interactive ? Interactive : Background;
}
