using System.Diagnostics;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Evaluation;

/// <summary>What a merge is compared with: every item by its own model, and by the frozen base with a fitted head.</summary>
/// <param name="Own">Item id → its own model's scores; without the items that have no model.</param>
/// <param name="FrozenBase">Item id → the head fitted on the base model's features, and its scores.</param>
/// <param name="MillisecondsPerResponse">Encoder time per response, in batches on this machine's threads.</param>
public sealed record ReferenceScores(
    IReadOnlyDictionary<string, SplitScores> Own, IReadOnlyDictionary<string, FittedItem> FrozenBase, double MillisecondsPerResponse)
{
    /// <summary>Runs the base and every item model over the items' responses.</summary>
    /// <param name="sources">The items and models.</param>
    /// <param name="runtime">How encoders run.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="progress">Where the run stands.</param>
    /// <param name="stop">Stops between batches.</param>
    public static ReferenceScores Of(MergeSources sources, RuntimeOptions runtime, int threads, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var own = new Dictionary<string, SplitScores>();
        var frozenBase = new Dictionary<string, FittedItem>();
        using var baseEncoder = EncoderEngines.Open(new StaticEncoder(sources.Base.Config, sources.Base.Encoder), new EncoderOutput(), runtime);
        var (encoderTime, responses) = (TimeSpan.Zero, 0);
        foreach (var item in sources.Items)
        {
            progress.Report(new("references", (double)frozenBase.Count / sources.Items.Length, $"{item.Id}: own model and frozen base"));
            var started = Stopwatch.GetTimestamp();
            var pooled = PooledItem.From(baseEncoder, item, threads, stop);
            encoderTime += Stopwatch.GetElapsedTime(started);
            responses += item.Train.Length + item.Validation.Length + item.Test.Length;
            frozenBase[item.Id] = FittedItem.Of(pooled, own: null, retune: true, stop);

            if (!sources.Models.TryGetValue(item.Id, out var model))
                continue;
            using var encoder = EncoderEngines.Open(new StaticEncoder(model.Config, model.Encoder), new EncoderOutput(), runtime);
            own[item.Id] = SplitScores.Of(item, encoder, model.Head, threads, stop);
        }
        return new(own, frozenBase, encoderTime.TotalMilliseconds / Math.Max(1, responses));
    }
}
