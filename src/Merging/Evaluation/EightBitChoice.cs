using System.Collections.Immutable;
using System.Globalization;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// Decides which linear layers of a merged encoder are served in eight bits: as many as keep the rounded score of enough validation responses. Weights are
/// rounded on training responses (<see cref="CompensatedRounding"/>). Test responses have no part in it.
/// </summary>
public static class EightBitChoice
{
    /// <summary>
    /// Smallest share of validation responses whose rounded score must stay: 99 % is promised for responses to come, and half of what that leaves is kept for
    /// what validation does not show.
    /// </summary>
    public const double Floor = 0.995;

    // Responses of all items together whose tokens show what the layers read: some ten tokens each, and many more than a layer has inputs.
    const int ObservedResponses = 2048;

    static readonly RuntimeOptions OneThread = new() { Threads = 1 };

    // The most gain in speed first.
    static readonly ImmutableArray<EightBit> Candidates =
        [EightBit.All, EightBit.All & ~EightBit.Down, EightBit.Projections | EightBit.Up, EightBit.Projections];

    /// <summary>Decides for the encoder of a group.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="items">Its items with their heads.</param>
    /// <param name="stop">Stops between candidates.</param>
    /// <returns>The encoder to serve, with the weights of layers in eight bits rounded, and the precision.</returns>
    public static (EncoderModel Encoder, EncoderPrecision Precision) Of(EncoderModel model, ImmutableArray<FittedItem> items, CancellationToken stop)
    {
        if (!RaggedEncoder.Runs(model))
            return Exact(0, "Only encoders whose widths are multiples of sixteen, without routed attention or routed low-rank experts, can be served in eight bits.");
        var exact = Scores(model, EightBit.None, items);
        if (exact.Length == 0)
            return Exact(0, "There are no validation responses to hold eight bits against.");
        var observed = items.SelectMany(fitted => fitted.Item.DrawTrain(Math.Max(1, ObservedResponses / items.Length), seed: 0)).ToArray();
        // What the layers of other encoders read depends on routing or items; their weights are rounded to the nearest when they are opened.
        var weights = model is StaticEncoder ? CompensatedRounding.Of(model.Config, model.Shared, observed, OneThread, stop) : null;
        var best = 0.0;
        foreach (var candidate in Candidates)
        {
            stop.ThrowIfCancellationRequested();
            var rounded = weights is null ? model : model with { Shared = Rounded(model.Shared, weights, candidate) };
            var agreement = Scores(rounded, candidate, items).Zip(exact, (eight, full) => eight == full ? 1.0 : 0.0).Average();
            if (agreement >= Floor)
                return (rounded, new(candidate, agreement, Floor, Kept(agreement, exact.Length, weights is null ? 0 : observed.Length)));
            best = Math.Max(best, agreement);
        }
        return Exact(best, string.Create(
            CultureInfo.InvariantCulture, $"At most {best:P1} of {exact.Length} validation responses would keep their score; served in fp32."));

        (EncoderModel, EncoderPrecision) Exact(double agreement, string reason) => (model, new(EightBit.None, agreement, Floor, reason));
    }

    static string Kept(double agreement, int validated, int observed) => string.Create(
        CultureInfo.InvariantCulture,
        $"{agreement:P1} of {validated} validation responses keep their score{(observed > 0 ? $"; weights rounded together on {observed} training responses" : "")}.");

    static Dictionary<string, Tensor> Rounded(IReadOnlyDictionary<string, Tensor> encoder, IReadOnlyDictionary<string, Tensor> weights, EightBit eightBit)
    {
        var rounded = new Dictionary<string, Tensor>(encoder);
        foreach (var (layer, weight) in weights.Where(weight => eightBit.HasFlag(Of(weight.Key))))
            rounded[$"{layer}.weight"] = weight;
        return rounded;
    }

    static EightBit Of(string layer) =>
        layer.Contains(".attention.self.", StringComparison.Ordinal) ? EightBit.Projections
        : layer.EndsWith(".attention.output.dense", StringComparison.Ordinal) ? EightBit.AttentionOutput
        : layer.EndsWith(".intermediate.dense", StringComparison.Ordinal) ? EightBit.Up
        : EightBit.Down;

    static double[] Scores(EncoderModel model, EightBit eightBit, ImmutableArray<FittedItem> items)
    {
        using var encoder = new RaggedEncoder(model, new(), eightBit);
        return [.. items.Select((fitted, expert) => Scores(encoder, fitted, expert)).SelectMany(scores => scores)];
    }

    static double[] Scores(RaggedEncoder encoder, FittedItem fitted, int expert)
    {
        var responses = fitted.Item.Validation.Select(ids => new EncoderInput(ids, expert)).ToArray();
        var pooled = new float[responses.Length * encoder.HiddenSize];
        encoder.Encode(responses, pooled);
        var scale = new ScoreScale(fitted.Item.Data.Item, fitted.Calibration);
        return [.. Enumerable.Range(0, responses.Length).Select(row =>
            scale.Score(Logits(fitted.Head, pooled.AsSpan(row * encoder.HiddenSize, encoder.HiddenSize))).Score.Value)];
    }

    static float[] Logits(Head head, ReadOnlySpan<float> pooled)
    {
        var logits = new float[head.Labels];
        for (var label = 0; label < logits.Length; label++)
            logits[label] = TensorPrimitives.Dot(pooled, head.Weight.Values.AsSpan(label * pooled.Length, pooled.Length)) + head.Bias.Values[label];
        return logits;
    }
}
