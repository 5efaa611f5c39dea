using System.Collections.Immutable;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Scoring;

/// <summary>An encoder that scores: its session, the heads of its items, and its place in the queue.</summary>
/// <param name="Definition">The encoder in the bundle.</param>
/// <param name="Session">The session.</param>
/// <param name="Heads">The heads, in the order of its items.</param>
/// <param name="Queue">Its queue.</param>
sealed record ServedEncoder(BundleEncoder Definition, IEncoder Session, HeadBank Heads, EncoderQueue Queue);

/// <summary>An item that is scored.</summary>
/// <param name="item">The item in the bundle.</param>
/// <param name="encoder">Its encoder.</param>
/// <param name="expert">Its place among the items of the encoder.</param>
sealed class ServedItem(BundleItem item, ServedEncoder encoder, int expert)
{
    /// <summary>Labels up to which a score needs no memory but its own.</summary>
    const int FewLabels = 64;

    readonly HeadRows head = encoder.Heads[expert];

    /// <summary>The item in the bundle.</summary>
    public BundleItem Item => item;

    /// <summary>Its encoder.</summary>
    public ServedEncoder Encoder => encoder;

    /// <summary>Its place among the items of the encoder.</summary>
    public int Expert => expert;

    /// <summary>From its logits to its score.</summary>
    public ScoreScale Scale { get; } = new(item.Definition, item.Calibration);

    /// <summary>Scores a response.</summary>
    /// <param name="pooled">The encoder's output for it.</param>
    /// <exception cref="NotFiniteNumberException">A logit is not finite.</exception>
    public (Score Score, ImmutableArray<LabelProbability> Labels, double Confidence) Score(ReadOnlySpan<float> pooled)
    {
        var logits = head.Labels <= FewLabels ? stackalloc float[head.Labels] : new float[head.Labels];
        encoder.Heads.Logits(pooled, head, logits);
        return Scale.Score(logits);
    }
}
