using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;

namespace ScoringService.Merging.Training;

/// <summary>Makes item models: fine-tunes a base model with a new head on an item's labelled responses.</summary>
/// <param name="threads">Threads at work at once; at least 1.</param>
/// <param name="time">Clock for the time left.</param>
public sealed class FineTuner(int threads, TimeProvider time)
{
    /// <summary>Trains until the recipe's last epoch, or until validation no longer improves, and keeps the best epoch's weights.</summary>
    /// <remarks>The same data, recipe and build give the same weights, bit for bit, on any number of threads.</remarks>
    /// <param name="config">Sizes of the base model.</param>
    /// <param name="baseModel">Tensors of the base model; not changed.</param>
    /// <param name="data">The item with its training and validation responses; test responses are not read. Without validation responses the last epoch counts as best.</param>
    /// <param name="tokenize">Token ids of a text, cut to a number of tokens.</param>
    /// <param name="recipe">How to train.</param>
    /// <param name="progress">Told after every step.</param>
    /// <param name="stop">Cancels, even within a step.</param>
    /// <exception cref="ValidationException">A value of the recipe is out of its range.</exception>
    /// <exception cref="ArgumentException">There is nothing to train on, or a response's labels do not fit the item.</exception>
    public TrainedItemModel Train(
        BertConfig config, IReadOnlyDictionary<string, Tensor> baseModel, ItemData data, Func<string, int, int[]> tokenize, TrainingRecipe recipe,
        IProgress<StageProgress> progress, CancellationToken stop)
    {
        Validator.ValidateObject(recipe, new(recipe), validateAllProperties: true);
        var item = data.Item;
        var maxTokens = Math.Min(recipe.MaxTokens, config.MaxPositions);
        var training = Examples(data.Train);
        var validation = Examples(data.Validation);
        if (training.Length == 0)
            throw new ArgumentException($"Item '{item.Id}' has no training responses; upload some with split=train.", nameof(data));

        var random = new Random(recipe.Seed);
        using var trainer = EncoderTrainer.ForItem(new(item, config, baseModel, StartingHead()), recipe, threads, stop);
        int[] lengths = [.. training.Select(example => example.Ids.Length)];
        var stepsPerEpoch = (training.Length + recipe.BatchSize - 1) / recipe.BatchSize;
        var schedule = new LearningRateSchedule(recipe.Epochs * stepsPerEpoch, recipe.WarmupFraction);
        var started = time.GetTimestamp();
        var step = 0;
        var epochs = ImmutableArray.CreateBuilder<EpochResult>();
        var best = (Epoch: 0, Loss: double.PositiveInfinity, Model: default(ItemModel));

        for (var epoch = 1; epoch <= recipe.Epochs && epoch - best.Epoch <= recipe.Patience; epoch++)
        {
            var loss = 0.0;
            foreach (var batch in Minibatches.OfSimilarLength(lengths, recipe.BatchSize, random))
            {
                var stepLoss = Step([.. batch.Select(i => training[i])]);
                loss += stepLoss * batch.Length / training.Length;
                progress.Report(new("training", (double)step / schedule.Steps, Describe(epoch, stepLoss)));
            }

            epochs.Add(new(loss, validation.Length == 0 ? null : ValidationLoss(trainer, item, validation)));
            if (epochs[^1].ValidationLoss is not { } reached || reached < best.Loss)
                best = (epoch, epochs[^1].ValidationLoss ?? best.Loss, new(item, config, trainer.Shared(), trainer.Heads()[0]));
        }
        return new(best.Model!, epochs.ToImmutable(), best.Epoch);

        double Step(TrainingExample[] batch)
        {
            try
            {
                return trainer.Step(batch, schedule.Factor(step++)).Loss;
            }
            catch (ArithmeticException e)
            {
                throw new ArithmeticException(
                    $"Training of '{item.Id}' diverged in step {step}; lower encoderLearningRate or headLearningRate.", e);
            }
        }

        // Fitted on the base's features first: a random head's first gradients would distort them (Kumar et al. 2022, LP-FT).
        Head StartingHead()
        {
            using var encoder = EncoderEngines.Open(new StaticEncoder(config, baseModel), new(), new() { Threads = 1 });
            var features = PooledFeatures.Of(encoder, [.. training.Select(example => example.Ids)], threads: 1, stop);
            return HeadFitter.Fit(item, new(features, data.Train), stop).Head;
        }

        ImmutableArray<TrainingExample> Examples(ImmutableArray<LabelledResponse> responses) => [.. responses.Select(response =>
        {
            if (response.Labels.Length != item.Labels.Length || item.Scoring == ScoringKind.MultiClass && response.Labels.Count(holds => holds) != 1)
            {
                throw new ArgumentException(
                    $"Response '{response.Id}' of item '{item.Id}' has {response.Labels.Count(holds => holds)} of {response.Labels.Length} labels; "
                    + $"the item has {item.Labels.Length}{(item.Scoring == ScoringKind.MultiClass ? ", of which exactly one holds" : "")}.", nameof(data));
            }
            return new TrainingExample(tokenize(response.Text, maxTokens), Item: 0, [.. response.Labels.Select(holds => holds ? 1f : 0f)]);
        })];

        string Describe(int epoch, double loss)
        {
            var left = time.GetElapsedTime(started) / step * (schedule.Steps - step);
            return string.Create(
                CultureInfo.InvariantCulture, $"{item.Id}: epoch {epoch} of {recipe.Epochs}, loss {loss:F2}, {Math.Ceiling(left.TotalSeconds)} s left");
        }
    }

    // At its best temperature: fine-tuning grows ever surer of itself, and a plain loss would stop it while its decisions still improve.
    static double ValidationLoss(EncoderTrainer trainer, Item item, ImmutableArray<TrainingExample> examples)
    {
        var logits = trainer.Score(examples);
        float[] targets = [.. examples.SelectMany(example => example.Targets!)];
        return TemperatureScaling.Fit(item.Scoring, logits, targets, item.Labels.Length).Loss;
    }
}
