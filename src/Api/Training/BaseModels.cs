using System.Text.RegularExpressions;
using ScoringService.Api.Storage;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
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

    /// <summary>What a new base model has to encode to be taken.</summary>
    const string Probe = "Plants need light to make their food, don't they?";

    /// <summary>Whether there is a base model of that name.</summary>
    public bool Exists(string name) => Shipped(name) is not null || (NamePattern.IsMatch(name) && Directory.Exists(PathOf(name)));

    /// <summary>Whether a text can name a base model.</summary>
    public static bool IsName(string? name) => name is not null && NamePattern.IsMatch(name);

    /// <summary>All base models, by name.</summary>
    public IReadOnlyList<BaseModelView> List()
    {
        var written = Directory.Exists(directory.BaseModels) ? Directory.EnumerateDirectories(directory.BaseModels) : [];
        var registered = written.Select(path => Path.GetFileName(path)).Where(name => IsName(name));
        var names = PackagedBaseModel.All.Select(model => model.Name).Union(registered).Order(StringComparer.Ordinal);
        return [.. names.Select(View)];
    }

    /// <summary>Takes in a checkpoint as a base model, after one forward pass through it.</summary>
    /// <param name="name">A name that no base model has.</param>
    /// <param name="source">The checkpoint, in Hugging Face layout.</param>
    /// <returns>Why it is refused, or null.</returns>
    public string? Register(string name, string source)
    {
        try
        {
            var checkpoint = Checkpoint.Load(source);
            var ids = BertTokenizer.Load(source).Encode(Probe, checkpoint.Config.MaxPositions);
            if (ids.Max() >= checkpoint.Config.VocabularySize)
                return $"Its tokenizer knows more tokens than the {checkpoint.Config.VocabularySize} rows of its embedding table.";
            using var encoder = EncoderEngines.Open(new StaticEncoder(checkpoint.Config, checkpoint.Encoder), new(), new() { Threads = 1 });
            var pooled = new float[encoder.HiddenSize];
            encoder.Encode([new EncoderInput(ids)], pooled);
            if (!pooled.All(float.IsFinite))
                return "Its forward pass gives numbers that are not finite: the weights are damaged or too large for single precision.";
            (checkpoint with { Head = null }).Save(PathOf(name));
            return null;
        }
        catch (InvalidCheckpointException invalid)
        {
            return invalid.MessageWithoutPath;
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or NotSupportedException)
        {
            return e.Message;
        }
    }

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

    BaseModelView View(string name)
    {
        var view = new BaseModelView(name, Shipped(name) is not null);
        var config = Path.Combine(PathOf(name), "config.json");
        if (!File.Exists(config))
            return view;
        var sizes = BertConfig.Read(config);
        return view with
        {
            Layers = sizes.Layers,
            HiddenSize = sizes.HiddenSize,
            AttentionHeads = sizes.AttentionHeads,
            MaxTokens = sizes.MaxPositions,
            VocabularySize = sizes.VocabularySize,
        };
    }

    string PathOf(string name) => Path.Combine(directory.BaseModels, name);

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z")]
    static partial Regex NamePattern { get; }
}
