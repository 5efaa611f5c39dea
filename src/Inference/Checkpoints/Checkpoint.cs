using System.Collections.Immutable;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// A BERT encoder with its tokenizer and, for an item model, its head: a directory in Hugging Face's layout
/// (<c>config.json</c>, <c>model.safetensors</c>, <c>vocab.txt</c> or <c>tokenizer.json</c>).
/// </summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Encoder">Encoder tensors by their Hugging Face name without a <c>bert.</c> prefix: those of <see cref="BertTensors.Shapes"/>.</param>
/// <param name="Head">The classifier; null for a base model.</param>
/// <param name="Tokenizer">Contents of the tokenizer's files by file name.</param>
public sealed record Checkpoint(
    BertConfig Config, IReadOnlyDictionary<string, Tensor> Encoder, Head? Head, IReadOnlyDictionary<string, byte[]> Tokenizer)
{
    const string ConfigFile = "config.json";
    const string WeightsFile = "model.safetensors";
    const string VocabularyFile = "vocab.txt";
    const string TokenizerFile = "tokenizer.json";
    const string HeadWeight = "classifier.weight";
    const string HeadBias = "classifier.bias";

    static readonly ImmutableArray<string> TokenizerFiles = [VocabularyFile, TokenizerFile, "tokenizer_config.json", "special_tokens_map.json"];
    static readonly ImmutableArray<string> LeftOut = ["embeddings.position_ids", "pooler.", "cls."];
    static readonly ImmutableArray<string> PickleExtensions = [".bin", ".pt", ".pth", ".ckpt", ".pkl"];

    /// <summary>Loads a checkpoint; all names and shapes are checked before any weight is read.</summary>
    /// <remarks>
    /// Tolerated: the prefix <c>bert.</c>, the old names <c>LayerNorm.gamma</c> and <c>LayerNorm.beta</c>, F16 and BF16 weights.
    /// Left out on purpose: the buffer <c>embeddings.position_ids</c>, the pre-training heads <c>cls.*</c>, and the pooler (<c>pooler.*</c>),
    /// because a head here reads the mean or the first token of the last layer's output.
    /// </remarks>
    /// <param name="directory">Directory in Hugging Face's layout.</param>
    /// <exception cref="InvalidCheckpointException">A file is missing, malformed, or does not hold what <c>config.json</c> describes.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Checkpoint Load(string directory)
    {
        var config = ReadConfig(directory);
        var tokenizer = ReadTokenizer(directory, config);

        using var file = OpenWeights(directory);
        var names = EncoderAndHeadNames(file);
        var shapes = BertTensors.Shapes(config);
        CheckEncoder(file, names, shapes);
        var hasHead = CheckHead(file, names, config);

        return new(
            config,
            shapes.Keys.ToDictionary(name => name, name => file.Read(names[name])),
            hasHead ? new(file.Read(names[HeadWeight]), file.Read(names[HeadBias])) : null,
            tokenizer);
    }

    /// <summary>Opens the encoder of a checkpoint without reading its weights; all names and shapes are checked, as by <see cref="Load"/>.</summary>
    /// <param name="directory">Directory in Hugging Face's layout; its tokenizer is not looked at.</param>
    /// <exception cref="InvalidCheckpointException">A file is missing, malformed, or does not hold what <c>config.json</c> describes.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static EncoderFile OpenEncoder(string directory)
    {
        var config = ReadConfig(directory);
        var file = OpenWeights(directory);
        try
        {
            var names = EncoderAndHeadNames(file);
            CheckEncoder(file, names, BertTensors.Shapes(config));
            return new(config, file, names);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    static BertConfig ReadConfig(string directory)
    {
        var path = Path.Combine(directory, ConfigFile);
        return File.Exists(path)
            ? BertConfig.Read(path)
            : throw new InvalidCheckpointException(path, null, "is missing; it says how large the encoder is.");
    }

    static SafetensorsFile OpenWeights(string directory)
    {
        var path = Path.Combine(directory, WeightsFile);
        return File.Exists(path) ? SafetensorsFile.Open(path) : throw MissingWeights(directory, path);
    }

    /// <summary>The tokenizer's files in a directory by file name.</summary>
    /// <exception cref="InvalidCheckpointException">There is none, or the vocabulary is larger than the encoder's embedding table.</exception>
    internal static IReadOnlyDictionary<string, byte[]> ReadTokenizer(string directory, BertConfig config)
    {
        var files = TokenizerFiles.Where(name => File.Exists(Path.Combine(directory, name)))
            .ToImmutableSortedDictionary(name => name, name => File.ReadAllBytes(Path.Combine(directory, name)), StringComparer.Ordinal);
        if (!files.ContainsKey(VocabularyFile) && !files.ContainsKey(TokenizerFile))
            throw new InvalidCheckpointException(directory, null, $"has no tokenizer: put {VocabularyFile} or {TokenizerFile} beside {WeightsFile}.");
        if (files.TryGetValue(VocabularyFile, out var vocabulary))
        {
            var tokens = vocabulary.AsSpan().TrimEnd("\r\n"u8).Count((byte)'\n') + 1;
            if (tokens > config.VocabularySize)
            {
                var rows = config.VocabularySize;
                throw new InvalidCheckpointException(
                    Path.Combine(directory, VocabularyFile), null, $"has {tokens} tokens; the encoder's embedding table has {rows} rows.");
            }
        }
        return files;
    }

    /// <summary>Writes the checkpoint as a new directory in Hugging Face's layout, which appears complete or not at all.</summary>
    /// <param name="directory">Must not exist.</param>
    /// <exception cref="InvalidCheckpointException">A weight is NaN or infinite.</exception>
    /// <exception cref="IOException">The directory exists, or the medium failed.</exception>
    public void Save(string directory)
    {
        var target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        using var staging = AtomicDirectory.Stage(Path.GetDirectoryName(target)!);
        File.WriteAllBytes(Path.Combine(staging.Path, ConfigFile), Config.ToJson());
        foreach (var (name, content) in Tokenizer) File.WriteAllBytes(Path.Combine(staging.Path, name), content);

        var tensors = new Dictionary<string, Tensor>(Encoder);
        if (Head is not null) (tensors[HeadWeight], tensors[HeadBias]) = Head;
        // Hugging Face asks for 'format' to tell PyTorch's orientation of weights from others.
        SafetensorsWriter.Write(Path.Combine(staging.Path, WeightsFile), tensors, new Dictionary<string, string> { ["format"] = "pt" });

        if (!staging.Publish(Path.GetFileName(target)))
            throw new IOException($"{target} exists already; a checkpoint is never overwritten. Choose another directory.");
    }

    static InvalidCheckpointException MissingWeights(string directory, string weights)
    {
        var pickle = Directory.EnumerateFiles(directory)
            .FirstOrDefault(file => PickleExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase));
        return pickle is null
            ? new(weights, null, "is missing; it holds the weights.")
            : new(pickle, null, $"is a Python pickle, which can run code when it is read, so it is refused. Convert it to {WeightsFile} "
                + "where you trust it (transformers: model.save_pretrained(directory, safe_serialization=True)).");
    }

    // Our name → the name in the file.
    static Dictionary<string, string> EncoderAndHeadNames(SafetensorsFile file)
    {
        var names = new Dictionary<string, string>();
        foreach (var name in file.Entries.Keys)
        {
            var ours = OurName(name);
            if (LeftOut.Any(prefix => ours.StartsWith(prefix, StringComparison.Ordinal))) continue;
            if (!names.TryAdd(ours, name))
                throw new InvalidCheckpointException(file.Path, name, $"is '{names[ours]}' under another name; keep one of them.");
        }
        return names;
    }

    static string OurName(string name)
    {
        const string prefix = "bert.";
        return (name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name)
            .Replace("LayerNorm.gamma", "LayerNorm.weight", StringComparison.Ordinal)
            .Replace("LayerNorm.beta", "LayerNorm.bias", StringComparison.Ordinal);
    }

    static void CheckEncoder(SafetensorsFile file, Dictionary<string, string> names, IReadOnlyDictionary<string, ImmutableArray<int>> shapes)
    {
        const string advice = $"Use the {ConfigFile} the weights were saved with.";
        foreach (var (name, shape) in shapes)
        {
            if (!names.TryGetValue(name, out var stored))
                throw new InvalidCheckpointException(file.Path, name, $"is missing; {ConfigFile} asks for it. {advice}");
            var found = file.Entries[stored].Shape;
            if (!found.SequenceEqual(shape))
                throw new InvalidCheckpointException(file.Path, stored, $"is {Describe(found)}; {ConfigFile} asks for {Describe(shape)}. {advice}");
        }
        var unknown = names.Keys.FirstOrDefault(name => name is not (HeadWeight or HeadBias) && !shapes.ContainsKey(name));
        if (unknown is not null)
            throw new InvalidCheckpointException(file.Path, names[unknown], $"has no place in the encoder that {ConfigFile} describes. {advice}");
    }

    static bool CheckHead(SafetensorsFile file, Dictionary<string, string> names, BertConfig config)
    {
        var (hasWeight, hasBias) = (names.TryGetValue(HeadWeight, out var weight), names.TryGetValue(HeadBias, out var bias));
        if (!hasWeight && !hasBias) return false;
        if (!hasBias) throw new InvalidCheckpointException(file.Path, HeadBias, $"is missing, though there is '{weight}'.");
        if (!hasWeight) throw new InvalidCheckpointException(file.Path, HeadWeight, $"is missing, though there is '{bias}'.");

        var (weightShape, biasShape) = (file.Entries[weight!].Shape, file.Entries[bias!].Shape);
        if (weightShape is not [> 0, var width] || width != config.HiddenSize)
            throw new InvalidCheckpointException(
                file.Path, weight, $"is {Describe(weightShape)}; a head on this encoder is [labels,{config.HiddenSize}].");
        if (biasShape is not [var labels] || labels != weightShape[0])
            throw new InvalidCheckpointException(file.Path, bias, $"is {Describe(biasShape)}; the head's weight has {weightShape[0]} labels.");
        return true;
    }

    static string Describe(ImmutableArray<int> shape) => $"[{string.Join(',', shape)}]";
}
