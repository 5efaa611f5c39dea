using System.Collections.Immutable;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Bundles;

/// <summary>What a bundle holds, where it comes from, and how good it is: its <c>manifest.json</c>, whose hash is the bundle's id.</summary>
public sealed record BundleManifest
{
    /// <summary>The schema this code writes, and the only one it reads.</summary>
    public const int CurrentSchema = 1;

    /// <summary>Version of this schema.</summary>
    public int SchemaVersion { get; init; } = CurrentSchema;

    /// <summary>When it was made: the only property that differs when the same work is done again.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Version of the program that made it.</summary>
    public string ToolVersion { get; init; } = CurrentToolVersion;

    /// <summary>Name of the base model.</summary>
    public required string BaseModel { get; init; }

    /// <summary>How responses are tokenized.</summary>
    public required BundleTokenizer Tokenizer { get; init; }

    /// <summary>The encoders with the items that share them: the groups of the merge plan.</summary>
    public required ImmutableArray<BundleEncoder> Encoders { get; init; }

    /// <summary>The items it scores.</summary>
    public required ImmutableArray<BundleItem> Items { get; init; }

    /// <summary>Name of the method that made the encoders.</summary>
    public required string Method { get; init; }

    /// <summary>Everything that decided what the merge produced.</summary>
    public required JsonElement Recipe { get; init; }

    /// <summary>What was measured when it was made; null when nothing was.</summary>
    public JsonElement? Metrics { get; init; }

    /// <summary>
    /// What the recipe alone does not say of how groups and method came about: under <c>grouping</c> what a language model was asked and
    /// answered, under <c>chosen</c> the method that <c>auto</c> took, under <c>search</c> all that it tried. Null where the recipe says everything,
    /// and in bundles of earlier versions.
    /// </summary>
    public JsonElement? Provenance { get; init; }

    /// <summary>
    /// SHA-256 of the models it was made from, by their name: the base model under its own, item models as <c>items/</c> and the item's id. Empty in
    /// bundles of earlier versions.
    /// </summary>
    public ImmutableSortedDictionary<string, string> Parents { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>Every file of the bundle but the manifest, in ordinal order of their paths. Filled in by <see cref="BundleWriter"/>.</summary>
    public ImmutableArray<BundleFile> Files { get; init; } = [];

    /// <summary>Size of all files but the manifest, in bytes.</summary>
    [JsonIgnore] public long Bytes => Files.Sum(file => file.Bytes);

    static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        NumberHandling = JsonNumberHandling.Strict,
        PropertyNameCaseInsensitive = false,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    static readonly string CurrentToolVersion =
        typeof(BundleManifest).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    /// <summary>The content of <c>manifest.json</c>: the same manifest always makes the same bytes.</summary>
    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Format);

    /// <summary>Reads the content of a <c>manifest.json</c>.</summary>
    /// <exception cref="JsonException">It is not a manifest.</exception>
    internal static BundleManifest Parse(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize<BundleManifest>(json, Format) ?? throw new JsonException("It is null.");

    /// <summary>The id of the bundle with this <c>manifest.json</c>: SHA-256 in lower-case hexadecimal digits.</summary>
    internal static string IdOf(ReadOnlySpan<byte> json) => Convert.ToHexStringLower(SHA256.HashData(json));
}

/// <summary>How responses are tokenized; the tokenizer's files lie in <c>tokenizer/</c>.</summary>
/// <param name="MaxTokens">Longest response in tokens, <c>[CLS]</c> and <c>[SEP]</c> included; the rest is cut off.</param>
public sealed record BundleTokenizer(int MaxTokens);

/// <summary>An encoder and the items that share it.</summary>
/// <param name="Name">Name in answers: <c>e0</c>, <c>e1</c>, …</param>
/// <param name="Graph">Path of its ONNX graph in the bundle.</param>
/// <param name="Weights">Path of its safetensors file in the bundle.</param>
/// <param name="Items">Ids of its items.</param>
/// <param name="Precision">In which precision it is served, and why; null for fp32 that nobody questioned.</param>
public sealed record BundleEncoder(string Name, string Graph, string Weights, ImmutableArray<string> Items, EncoderPrecision? Precision = null);

/// <summary>In which precision an encoder is served, after eight bits were asked for.</summary>
/// <param name="EightBit">Linear layers in eight bits; none where too few scores would have stayed.</param>
/// <param name="Agreement">Share of validation responses whose rounded score is the one in fp32, 0 to 1; of the layers taken, or of the best refused.</param>
/// <param name="Floor">The smallest share that is accepted.</param>
/// <param name="Reason">Why these layers, in words.</param>
public sealed record EncoderPrecision(EightBit EightBit, double Agreement, double Floor, string Reason);

/// <summary>An item as the bundle scores it; its head is in <c>heads.safetensors</c>.</summary>
/// <param name="Definition">Labels and points.</param>
/// <param name="Calibration">From logits to probabilities and decisions.</param>
/// <param name="Trained">Lengths of the responses its model was trained on; null when they are not known.</param>
public sealed record BundleItem(Item Definition, Calibration Calibration, TokenRange? Trained = null);

/// <summary>A file of a bundle.</summary>
/// <param name="Path">Path in the bundle, with slashes.</param>
/// <param name="Bytes">Size.</param>
/// <param name="Sha256">Hash of the content in lower-case hexadecimal digits.</param>
public sealed record BundleFile(string Path, long Bytes, string Sha256);
