using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;

namespace ScoringService.Merging.Evaluation;

/// <summary>Metrics on the two splits that nothing was fitted on.</summary>
/// <param name="Validation">Read for every choice; null for an item without validation responses.</param>
/// <param name="Test">Read once; null for an item without test responses.</param>
public sealed record SplitScores(MetricSet? Validation, MetricSet? Test)
{
    /// <summary>Evaluates a head on features that are at hand.</summary>
    public static SplitScores Of(PooledItem pooled, Head head) => Of(pooled.Item.Data, head, pooled.Validation, pooled.Test);

    /// <summary>Evaluates an encoder and a head on an item's validation and test responses.</summary>
    /// <param name="item">The item's token ids.</param>
    /// <param name="encoder">The encoder.</param>
    /// <param name="head">The head.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    public static SplitScores Of(TokenizedItem item, EncoderSession encoder, Head head, int threads, CancellationToken stop) => Of(
        item.Data,
        head,
        PooledFeatures.Of(encoder, item.Validation, threads, stop),
        PooledFeatures.Of(encoder, item.Test, threads, stop));

    static SplitScores Of(ItemData data, Head head, Tensor validation, Tensor test)
    {
        MetricSet? Score(Tensor features, ImmutableArray<LabelledResponse> responses) =>
            responses.IsEmpty ? null : MetricSet.Of(data.Item, head, features, responses);
        return new(Score(validation, data.Validation), Score(test, data.Test));
    }
}
