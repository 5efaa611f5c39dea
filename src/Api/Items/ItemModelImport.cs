using ScoringService.Api.Training;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tokenization;
using ScoringService.Merging.Training;

namespace ScoringService.Api.Items;

/// <summary>Takes in fine-tuned Hugging Face checkpoints as item models.</summary>
sealed class ItemModelImport(BaseModels baseModels, ItemModels models)
{
    const int MaxTokens = 128;

    /// <summary>Texts on which the tokenizers must agree: case, accents, punctuation, rare words.</summary>
    static readonly string[] TokenizerProbes = ["He's GREEDY, isn't he?", "Café naïve façade", "supercalifragilistic x2 = ½", "他说谎"];

    /// <summary>Checks a checkpoint against its item and base model, and keeps it.</summary>
    /// <param name="item">The item it scores.</param>
    /// <param name="directory">The checkpoint, in Hugging Face layout.</param>
    /// <param name="baseModelName">The base model it was fine-tuned from.</param>
    /// <returns>Why it is refused, or null.</returns>
    public string? Import(Item item, string directory, string baseModelName)
    {
        try
        {
            var checkpoint = Checkpoint.Load(directory);
            var baseModel = baseModels.Load(baseModelName);
            if (Obstacle(item, checkpoint, BertTokenizer.Load(directory), baseModel) is { } obstacle)
                return obstacle;

            var model = new ItemModel(item, checkpoint.Config, checkpoint.Encoder, checkpoint.Head!);
            var maxTokens = Math.Min(MaxTokens, checkpoint.Config.MaxPositions);
            models.Add(model, checkpoint.Tokenizer, ItemModelSource.Imported, baseModelName, maxTokens, scores: null);
            return null;
        }
        catch (InvalidCheckpointException invalid)
        {
            return invalid.MessageWithoutPath;
        }
        catch (InvalidDataException invalid)
        {
            return invalid.Message;
        }
    }

    static string? Obstacle(Item item, Checkpoint checkpoint, BertTokenizer tokenizer, BaseModel baseModel)
    {
        if (checkpoint.Head is not { } head)
            return "model.safetensors has no head: classifier.weight and classifier.bias are missing. Import a model for sequence classification.";
        if (head.Labels != item.Labels.Length)
            return $"The head has {head.Labels} labels; item '{item.Id}' has {item.Labels.Length}.";
        if (checkpoint.Config != baseModel.Checkpoint.Config)
            return $"config.json describes another encoder than base model '{baseModel.Name}' has: "
                + $"{checkpoint.Config}, not {baseModel.Checkpoint.Config}.";
        return TokenizerProbes.All(text => tokenizer.Encode(text, MaxTokens).AsSpan().SequenceEqual(baseModel.Tokenizer.Encode(text, MaxTokens)))
            ? null
            : $"Its tokenizer differs from that of base model '{baseModel.Name}'; merged models read what the base's tokenizer writes.";
    }
}
