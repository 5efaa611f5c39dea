using System.Security.Cryptography;
using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>Item models trained once, found again by what they were made from.</summary>
static class ItemModelCache
{
    /// <summary>Takes the model from the cache, or trains it and keeps it.</summary>
    public static ItemModel GetOrTrain(string cache, BaseModel baseModel, ItemData data, TrainingRecipe recipe, RuntimeOptions runtime, CancellationToken stop)
    {
        var directory = Path.Combine(cache, $"{data.Item.Id}-{Key(baseModel, data, recipe)}");
        if (Directory.Exists(directory))
            return ItemModel.From(data.Item, Checkpoint.Load(directory), baseModel.Checkpoint);

        var trained = new FineTuner(runtime, TimeProvider.System).Train(
            baseModel.Checkpoint.Config, baseModel.Checkpoint.Encoder, data, baseModel.Tokenizer.Encode, recipe, new ConsoleProgress(), stop).Model;
        Directory.CreateDirectory(cache);
        new Checkpoint(trained.Config, trained.Encoder, trained.Head, baseModel.Checkpoint.Tokenizer).Save(directory);
        return trained;
    }

    static string Key(BaseModel baseModel, ItemData data, TrainingRecipe recipe)
    {
        var content = JsonSerializer.SerializeToUtf8Bytes(new { BaseModel = BaseModel.Name, recipe, data.Item, data.Train, data.Validation });
        return Convert.ToHexStringLower(SHA256.HashData(content))[..16];
    }
}
