using System.Text.RegularExpressions;
using ScoringService.Api.Storage;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Api.Training;

/// <summary>A base model with its tokenizer.</summary>
/// <param name="Name">Name of its directory.</param>
/// <param name="Checkpoint">Its encoder.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
sealed record BaseModel(string Name, Checkpoint Checkpoint, BertTokenizer Tokenizer);

/// <summary>The base models: those that come with the build, and directories in Hugging Face layout in the data directory.</summary>
sealed partial class BaseModels(DataDirectory directory)
{
    /// <summary>What is taken where a request names no other.</summary>
    public const string Default = "minilm-l6";

    /// <summary>Whether there is a base model of that name.</summary>
    public bool Exists(string name) => Shipped(name) is not null || (NamePattern.IsMatch(name) && Directory.Exists(PathOf(name)));

    /// <summary>Loads a base model.</summary>
    /// <exception cref="InvalidCheckpointException">Its files are not what they should be.</exception>
    public BaseModel Load(string name)
    {
        var path = PathOf(name);
        // Written out when it is first used.
        if (Shipped(name) is { } shipped && !Directory.Exists(path))
            shipped.Read().Save(path);
        return new(name, Checkpoint.Load(path), BertTokenizer.Load(path));
    }

    static PackagedBaseModel? Shipped(string name) => PackagedBaseModel.All.FirstOrDefault(model => model.Name == name);

    string PathOf(string name) => Path.Combine(directory.BaseModels, name);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    static partial Regex NamePattern { get; }
}
