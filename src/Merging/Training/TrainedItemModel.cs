using System.Collections.Immutable;

namespace ScoringService.Merging.Training;

/// <summary>A fine-tuned item model and how its training went.</summary>
/// <param name="Model">The model after its best epoch.</param>
/// <param name="Epochs">What each epoch reached, in order.</param>
/// <param name="BestEpoch">The epoch whose weights were kept, counted from 1.</param>
public sealed record TrainedItemModel(ItemModel Model, ImmutableArray<EpochResult> Epochs, int BestEpoch);

/// <summary>What an epoch reached.</summary>
/// <param name="TrainingLoss">Mean loss over the epoch's responses, each taken before the step it caused.</param>
/// <param name="ValidationLoss">Mean loss over the validation responses after the epoch, at its best temperature; null without any.</param>
public sealed record EpochResult(double TrainingLoss, double? ValidationLoss);
