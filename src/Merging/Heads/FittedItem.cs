using ScoringService.Inference.Bundles;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;

namespace ScoringService.Merging.Heads;

/// <summary>An item on top of the encoder that serves it.</summary>
/// <param name="Item">The item and its responses.</param>
/// <param name="Head">The head it is served with.</param>
/// <param name="Scores">What the two reach together.</param>
public sealed record FittedItem(TokenizedItem Item, Head Head, SplitScores Scores)
{
    /// <summary>What the bundle makes of the head's logits.</summary>
    public Calibration Calibration => Scores.Calibration?.Served ?? Calibration.None(Item.Data.Item);

    /// <summary>
    /// Fits the head, or keeps the item's own, and evaluates it. A fitted head is calibrated and judged on validation by the fit that has not seen
    /// it; what is
    /// served, and read on test, is the same fit on training and validation responses together.
    /// </summary>
    /// <param name="pooled">The encoder's output on the item's responses.</param>
    /// <param name="own">The head the item was trained with; null where it has no model.</param>
    /// <param name="retune">Whether to fit the head again; an item without a head of its own gets one in any case.</param>
    /// <param name="stop">Stops between candidates.</param>
    public static FittedItem Of(PooledItem pooled, Head? own, bool retune, CancellationToken stop)
    {
        var data = pooled.Item.Data;
        LabelledFeatures train = new(pooled.Train, data.Train), validation = new(pooled.Validation, data.Validation);
        var chosen = own is null ? HeadFitter.Fit(data.Item, train, stop)
            : retune ? HeadFitter.Refit(data.Item, train, validation, own, stop)
            : new(own, Regularization: null);
        // Without validation responses, or with the head kept, what was judged is what is served.
        var served = chosen.Regularization is { } regularization && !validation.Responses.IsEmpty
            ? HeadFitter.FitWith(data.Item, train.And(validation), regularization, stop)
            : chosen.Head;
        return new(pooled.Item, served, SplitScores.Of(pooled, chosen.Head, served));
    }
}
