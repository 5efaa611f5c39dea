using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Bundles;

/// <summary>
/// A published bundle: an immutable directory of encoders, heads, tokenizer and item definitions, named by the hash of its manifest,
/// which holds the hash of every file.
/// </summary>
public sealed class Bundle
{
    const string Advice = "Restore the bundle from a copy, or merge again.";

    readonly string directory;
    readonly Dictionary<string, BundleEncoder> encoders;

    Bundle(string directory, string id, BundleManifest manifest, IReadOnlyDictionary<string, Head> heads)
    {
        this.directory = directory;
        (Id, Manifest, Heads) = (id, manifest, heads);
        Items = manifest.Items.ToDictionary(item => item.Definition.Id);
        encoders = manifest.Encoders.SelectMany(encoder => encoder.Items.Select(item => (item, encoder))).ToDictionary();
    }

    /// <summary>SHA-256 of <c>manifest.json</c> in lower-case hexadecimal digits; the name of the directory.</summary>
    public string Id { get; }

    /// <summary>What the bundle says about itself.</summary>
    public BundleManifest Manifest { get; }

    /// <summary>The items by id.</summary>
    public IReadOnlyDictionary<string, BundleItem> Items { get; }

    /// <summary>The items' heads by item id.</summary>
    public IReadOnlyDictionary<string, Head> Heads { get; }

    /// <summary>Directory of the tokenizer's files.</summary>
    public string TokenizerDirectory => Path.Combine(directory, BundleLayout.Tokenizer);

    /// <summary>The encoder of an item.</summary>
    /// <exception cref="KeyNotFoundException">The bundle does not score the item.</exception>
    public BundleEncoder EncoderOf(string itemId) => encoders[itemId];

    /// <summary>Path of an encoder's ONNX graph; its weights lie beside it.</summary>
    public string GraphPath(BundleEncoder encoder) => Path.Combine(directory, encoder.Graph);

    /// <summary>Opens one of its encoders.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="engine">What runs it on the processor.</param>
    /// <param name="runtime">How ONNX Runtime runs it, where it does.</param>
    /// <exception cref="InvalidOperationException">The execution provider cannot be used.</exception>
    /// <exception cref="InvalidBundleException">The encoder cannot be served in the precision that the manifest says.</exception>
    public IEncoder Load(BundleEncoder encoder, ServingEngine engine, RuntimeOptions runtime)
    {
        var eightBit = encoder.Precision?.EightBit ?? EightBit.None;
        var wanted = eightBit != EightBit.None
            || (engine == ServingEngine.Auto && RaggedEncoder.IsFast && runtime.Provider == ExecutionProvider.Cpu);
        if (wanted && QuietThread.Run(() => RaggedEncoder.TryLoad(Path.Combine(directory, encoder.Weights), eightBit)) is { } ragged)
            return ragged;
        return eightBit == EightBit.None
            ? EncoderSession.Load(GraphPath(encoder), runtime)
            : throw new InvalidBundleException(directory, $"asks for eight bits in encoder '{encoder.Name}', which cannot be served in them. Merge again.");
    }

    /// <summary>Opens a bundle after verifying it whole: every hash, no other file, and heads that fit their encoders.</summary>
    /// <param name="directory">Directory of the bundle, named by its id.</param>
    /// <exception cref="InvalidBundleException">The bundle is not what it should be.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Bundle Open(string directory)
    {
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        return Verify(path, Path.GetFileName(path));
    }

    /// <summary>Verifies the directory of a bundle against the id it has or shall get.</summary>
    internal static Bundle Verify(string directory, string id)
    {
        var found = BundleLayout.Files(directory);
        var manifest = ReadManifest(directory, id);
        CheckFiles(directory, manifest, found);
        BundleRules.Check(directory, manifest);
        try
        {
            return new(directory, id, manifest, ReadHeads(directory, manifest));
        }
        catch (InvalidCheckpointException e)
        {
            throw new InvalidBundleException(directory, $"holds a malformed file: {e.Message}", e);
        }
    }

    static BundleManifest ReadManifest(string directory, string id)
    {
        var path = Path.Combine(directory, BundleLayout.Manifest);
        if (!File.Exists(path)) throw new InvalidBundleException(directory, $"has no {BundleLayout.Manifest}.");
        var json = File.ReadAllBytes(path);
        var hash = BundleManifest.IdOf(json);
        if (hash != id)
            throw new InvalidBundleException(directory, $"has a manifest with the hash {hash}, which is not its id: the manifest was changed.");
        try
        {
            // The version comes first: a later schema may have members that this one does not know.
            using var document = JsonDocument.Parse(json);
            if (!document.RootElement.TryGetProperty("schemaVersion", out var version) || !version.TryGetInt32(out var schema))
                throw new JsonException("It has no schemaVersion.");
            if (schema != BundleManifest.CurrentSchema)
                throw new InvalidBundleException(
                    directory, $"has schema version {schema}; this program reads {BundleManifest.CurrentSchema}. Run the version that made it.");
            var manifest = BundleManifest.Parse(json);
            // The serializer checks members for null, but not elements.
            if (manifest.Files.Contains(null!) || manifest.Items.Contains(null!) || manifest.Encoders.Contains(null!))
                throw new JsonException("It has null in a list.");
            return manifest;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidBundleException(directory, $"has an unreadable manifest: {e.Message}", e);
        }
    }

    static void CheckFiles(string directory, BundleManifest manifest, ImmutableArray<string> found)
    {
        var paths = manifest.Files.Select(file => file.Path).ToList();
        if (paths.Find(path => !BundleLayout.IsSafe(path)) is { } outside)
            throw new InvalidBundleException(directory, $"lists the path '{outside}', which is not a plain path inside the bundle.");
        if (paths.GroupBy(path => path, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new InvalidBundleException(directory, $"lists '{twice.Key}' more than once.");
        if (paths.Except(found).FirstOrDefault() is { } missing)
            throw new InvalidBundleException(directory, $"lacks '{missing}'. {Advice}");
        if (found.Except(paths).FirstOrDefault() is { } extra)
            throw new InvalidBundleException(directory, $"holds '{extra}', which its manifest does not list.");

        foreach (var file in manifest.Files)
        {
            var actual = BundleLayout.Describe(directory, file.Path);
            if (actual.Bytes != file.Bytes)
                throw new InvalidBundleException(directory, $"has {actual.Bytes} bytes in '{file.Path}' instead of {file.Bytes}. {Advice}");
            if (actual.Sha256 != file.Sha256)
                throw new InvalidBundleException(directory, $"has another content in '{file.Path}' than its manifest says. {Advice}");
        }
    }

    static Dictionary<string, Head> ReadHeads(string directory, BundleManifest manifest)
    {
        using var file = SafetensorsFile.Open(Path.Combine(directory, BundleLayout.Heads));
        var heads = new Dictionary<string, Head>();
        foreach (var encoder in manifest.Encoders)
        {
            var hidden = HiddenSize(Path.Combine(directory, encoder.Weights));
            foreach (var item in manifest.Items.Where(item => encoder.Items.Contains(item.Definition.Id)))
            {
                var (id, labels) = (item.Definition.Id, item.Definition.Labels.Length);
                var head = new Head(file.Read(BundleLayout.HeadWeight(id)), file.Read(BundleLayout.HeadBias(id)));
                if (!head.Weight.Shape.SequenceEqual([labels, hidden]) || !head.Bias.Shape.SequenceEqual([labels]))
                    throw new InvalidBundleException(
                        directory,
                        $"has a head of weight {head.Weight.Describe()} and bias {head.Bias.Describe()} for item '{id}' "
                        + $"of {labels} labels on encoder '{encoder.Name}' of width {hidden}.");
                heads.Add(id, head);
            }
        }
        if (file.Entries.Count != 2 * heads.Count)
            throw new InvalidBundleException(directory, $"holds tensors in {BundleLayout.Heads} that belong to no item.");
        return heads;
    }

    static int HiddenSize(string weights)
    {
        using var file = SafetensorsFile.Open(weights);
        return file.Entries.TryGetValue(BertTensors.WordEmbeddings, out var embeddings) && embeddings.Shape is [_, var hidden]
            ? hidden
            : throw new InvalidCheckpointException(weights, BertTensors.WordEmbeddings, "is missing or not [vocabulary,hidden].");
    }
}
