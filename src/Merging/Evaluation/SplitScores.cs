using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Evaluation;

/// <summary>Metrics on the two splits that nothing was fitted on.</summary>
/// <param name="Validation">
/// Read for every choice; null for an item without validation responses. Thresholds chosen on validation are judged there on responses they were
/// chosen without.
/// </param>
/// <param name="Test">Read once, with the temperature and the thresholds that are served; null for an item without test responses.</param>
public sealed record SplitScores(MetricSet? Validation, MetricSet? Test)
{
    /// <summary>The calibration that goes with the head; null where none was looked for.</summary>
    [JsonIgnore] public ItemCalibration? Calibration { get; init; }

    /// <summary>The predictions behind <see cref="Test"/>.</summary>
    [JsonIgnore] public ItemPredictions? TestPredictions { get; init; }

    /// <summary>Calibrates and evaluates on features that are at hand.</summary>
    /// <param name="pooled">The encoder's output on the item's responses.</param>
    /// <param name="unseeing">The head that has not seen the validation responses: it is calibrated and judged on them.</param>
    /// <param name="served">The head that is served, and read on test.</param>
    public static SplitScores Of(PooledItem pooled, Head unseeing, Head served)
    {
        ArgumentNullException.ThrowIfNull(pooled);
        var (item, validation, test) = (pooled.Item.Data.Item, pooled.Item.Data.Validation, pooled.Item.Data.Test);
        var testLogits = LinearHead.Logits(served, pooled.Test);
        var calibration = ItemCalibration.Fit(item, LinearHead.Logits(unseeing, pooled.Validation), validation).JudgedOn(item, testLogits, test);
        var predictions = test.IsEmpty ? null
            : new ItemPredictions(item, [.. test.Select(response => response.Labels)], ItemCalibration.Decide(item, calibration.Served, testLogits));
        return new(
            validation.IsEmpty ? null : MetricSet.Of(item, [.. validation.Select(response => response.Labels)], calibration.ValidationDecisions),
            predictions?.Metrics())
        {
            Calibration = calibration,
            TestPredictions = predictions,
        };
    }

    /// <summary>Calibrates and evaluates an encoder and a head that have not seen an item's validation and test responses.</summary>
    /// <param name="item">The item's token ids.</param>
    /// <param name="encoder">The encoder.</param>
    /// <param name="head">The head.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    public static SplitScores Of(TokenizedItem item, IEncoder encoder, Head head, int threads, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(item);
        var pooled = new PooledItem(
            item,
            PooledFeatures.Of(encoder, [], threads, stop),
            PooledFeatures.Of(encoder, item.Validation, threads, stop),
            PooledFeatures.Of(encoder, item.Test, threads, stop));
        return Of(pooled, head, head);
    }
}
