using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>Item models trained once, found again by what they were made from.</summary>
static class ItemModelCache
{
    /// <summary>Takes the model from the cache, or trains it and keeps it.</summary>
    public static ItemModel GetOrTrain(
        string cache, BaseModel baseModel, ItemData data, TrainingRecipe recipe, RuntimeOptions runtime, CancellationToken stop)
    {
        var directory = PathOf(cache, data, recipe);
        if (Directory.Exists(directory))
            return ItemModel.From(data.Item, Checkpoint.Load(directory), baseModel.Checkpoint);

        var trained = new FineTuner(runtime.Threads, TimeProvider.System).Train(
            baseModel.Checkpoint.Config, baseModel.Checkpoint.Encoder, data, baseModel.Tokenizer.Encode, recipe, new ConsoleProgress(), stop).Model;
        Directory.CreateDirectory(cache);
        new Checkpoint(trained.Config, trained.Encoder, trained.Head, baseModel.Checkpoint.Tokenizer).Save(directory);
        return trained;
    }

    /// <summary>What a model is made from: its name in the cache.</summary>
    public static string Key(ItemData data, TrainingRecipe recipe) =>
        ContentHash.Of(new { BaseModel = BaseModel.Name, recipe, data.Item, data.Train, data.Validation });

    /// <summary>Whether the model has been trained.</summary>
    public static bool Contains(string cache, ItemData data, TrainingRecipe recipe) => Directory.Exists(PathOf(cache, data, recipe));

    static string PathOf(string cache, ItemData data, TrainingRecipe recipe) => Path.Combine(cache, $"{data.Item.Id}-{Key(data, recipe)}");
}
