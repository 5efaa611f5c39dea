using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>A method that trains one encoder on the training responses of all items of a group at once, each response scored by its own item's head.</summary>
public abstract record JointMethod : MergeMethod
{
    /// <summary>How often every training response is seen. Default 3.</summary>
    [Description("How often every training response is seen.")]
    [Range(1, 100)]
    public int Epochs { get; init; } = 3;

    /// <summary>Responses per step, of any items. Default 16.</summary>
    [Description("Responses per step, of any items.")]
    [Range(1, 1024)]
    public int BatchSize { get; init; } = 16;

    /// <summary>Learning rate of the encoder at the end of warm-up. Default 1e-4, as for item models.</summary>
    [Description("Learning rate of the encoder at the end of warm-up.")]
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>Learning rate of the heads at the end of warm-up. Default 1e-3.</summary>
    [Description("Learning rate of the heads at the end of warm-up.")]
    [Range(1e-8, 1.0)]
    public double HeadLearningRate { get; init; } = 1e-3;

    /// <summary>Decoupled weight decay per step at learning rate 1. Default 0.01.</summary>
    [Description("Decoupled weight decay, per step at learning rate 1.")]
    [Range(0.0, 1.0)]
    public double WeightDecay { get; init; } = .01;

    /// <summary>Seed of the order of responses.</summary>
    [Description("Seed of the order of responses.")]
    [Range(0, int.MaxValue)]
    public int Seed { get; init; }

    /// <summary>Trains the encoder; the embedding tables stay as they are.</summary>
    /// <param name="start">Tensors to start from.</param>
    /// <param name="group">The group.</param>
    /// <param name="labelled">Labels of each item's training responses, by which the heads are fitted before the encoder moves.</param>
    /// <param name="examples">All training responses.</param>
    /// <param name="objective">What is minimized.</param>
    /// <param name="work">How it runs.</param>
    private protected StaticEncoder Train(
        IReadOnlyDictionary<string, Tensor> start, MergeGroup group, ImmutableArray<ImmutableArray<LabelledResponse>> labelled,
        ImmutableArray<TrainingExample> examples, TrainingObjective objective, MergeWork work)
    {
        var encoder = new StaticEncoder(group.Config, start);
        var heads = FirstHeads(encoder, group.Items, labelled, work);
        var rates = BertTensors.Shapes(group.Config).Keys.Except(BertTensors.EmbeddingTables).ToDictionary(name => name, _ => (float)LearningRate);
        using var trainer = new EncoderTrainer(
            encoder, rates, heads, (float)HeadLearningRate, objective, new((float)WeightDecay), work.Threads, work.Stop);

        var schedule = new LearningRateSchedule(Epochs * ((examples.Length + BatchSize - 1) / BatchSize), WarmupFraction: .1);
        ResumableTraining.Run(trainer, Batches(examples), schedule.Steps, schedule.Factor, "joint training", work);
        return encoder with { Shared = trainer.Shared() };
    }

    IEnumerable<TrainingExample[]> Batches(ImmutableArray<TrainingExample> examples)
    {
        var random = new Random(Seed);
        int[] lengths = [.. examples.Select(example => example.Ids.Length)];
        for (var epoch = 0; epoch < Epochs; epoch++)
        {
            foreach (var batch in Minibatches.OfSimilarLength(lengths, BatchSize, random))
                yield return Array.ConvertAll(batch, i => examples[i]);
        }
    }

    // Fitted first: a random head's first gradients would distort the features (Kumar et al. 2022, LP-FT).
    static StackedHeads FirstHeads(
        StaticEncoder encoder, ImmutableArray<TokenizedItem> items, ImmutableArray<ImmutableArray<LabelledResponse>> labelled, MergeWork work)
    {
        using var session = EncoderEngines.Open(encoder, new(), work.Runtime);
        Tensor[] features = [.. items.Select(item => PooledFeatures.Of(session, item.Train, work.Threads, work.Stop))];
        var heads = new Head[items.Length];
        Parallel.For(0, heads.Length, new() { MaxDegreeOfParallelism = work.Threads, CancellationToken = work.Stop }, i =>
            heads[i] = HeadFitter.Fit(items[i].Data.Item, new(features[i], labelled[i]), work.Stop).Head);
        return StackedHeads.Of([.. items.Select(item => item.Data.Item)], heads);
    }
}
