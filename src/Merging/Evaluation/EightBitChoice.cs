using System.Collections.Immutable;
using System.Globalization;
using System.Numerics.Tensors;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// Decides which linear layers of a merged encoder are served in eight bits: as many as keep the rounded score of enough validation responses. Test responses
/// have no part in it.
/// </summary>
public static class EightBitChoice
{
    /// <summary>
    /// Smallest share of validation responses whose rounded score must stay: 99 % is promised for responses to come, and half of what that leaves is kept for
    /// what validation does not show.
    /// </summary>
    public const double Floor = 0.995;

    // The most gain in speed first. The second layer of the MLP reads what GELU made, whose few large numbers leave the others little of eight bits.
    static readonly ImmutableArray<EightBit> Candidates =
        [EightBit.All, EightBit.All & ~EightBit.Down, EightBit.Projections | EightBit.Up, EightBit.Projections];

    /// <summary>Decides for the encoder of a group.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="items">Its items with their heads.</param>
    /// <param name="stop">Stops between candidates.</param>
    public static EncoderPrecision Of(EncoderModel model, ImmutableArray<FittedItem> items, CancellationToken stop)
    {
        if (!RaggedEncoder.Runs(model))
            return new(EightBit.None, 0, Floor, "Only encoders whose widths are multiples of sixteen, without routed attention or routed low-rank experts, can be served in eight bits.");
        var exact = Scores(model, EightBit.None, items);
        if (exact.Length == 0)
            return new(EightBit.None, 0, Floor, "There are no validation responses to hold eight bits against.");
        var best = 0.0;
        foreach (var candidate in Candidates)
        {
            stop.ThrowIfCancellationRequested();
            var agreement = Scores(model, candidate, items).Zip(exact, (rounded, full) => rounded == full ? 1.0 : 0.0).Average();
            if (agreement >= Floor)
                return new(candidate, agreement, Floor, string.Create(CultureInfo.InvariantCulture, $"{agreement:P1} of {exact.Length} validation responses keep their score."));
            best = Math.Max(best, agreement);
        }
        return new(
            EightBit.None, best, Floor,
            string.Create(CultureInfo.InvariantCulture, $"At most {best:P1} of {exact.Length} validation responses would keep their score; served in fp32."));
    }

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
