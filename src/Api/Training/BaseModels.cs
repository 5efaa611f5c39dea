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

/// <summary>The base models: the one that comes with the build, and directories in Hugging Face layout in the data directory.</summary>
sealed partial class BaseModels(DataDirectory directory)
{
    /// <summary>Comes with the build, in 4 bits; written out in full when it is first used.</summary>
    public const string Shipped = "minilm-l6";

    static readonly string ShippedFiles = Path.Combine(AppContext.BaseDirectory, "base-models", Shipped);

    /// <summary>Whether there is a base model of that name.</summary>
    public bool Exists(string name) => name == Shipped || (NamePattern.IsMatch(name) && Directory.Exists(PathOf(name)));

    /// <summary>Loads a base model.</summary>
    /// <exception cref="InvalidCheckpointException">Its files are not what they should be.</exception>
    public BaseModel Load(string name)
    {
        var path = PathOf(name);
        if (name == Shipped && !Directory.Exists(path))
            QuantizedBaseModel.Dequantize(ShippedFiles).Save(path);
        return new(name, Checkpoint.Load(path), BertTokenizer.Load(path));
    }

    string PathOf(string name) => Path.Combine(directory.BaseModels, name);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    static partial Regex NamePattern { get; }
}
