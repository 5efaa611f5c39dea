using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Encoders;

/// <summary>What a stored encoder's tensors do not say of it by themselves. It lies in the metadata of their safetensors file, under <c>encoder</c>.</summary>
/// <param name="Kind">How its parts work together.</param>
/// <param name="Config">Its sizes.</param>
/// <param name="Output">What it returns.</param>
/// <param name="Experts">Number of experts; 0 where there are none.</param>
/// <param name="Router">How its routers are built; null where there are none.</param>
sealed record EncoderDescription(EncoderKind Kind, BertConfig Config, EncoderOutput Output, int Experts = 0, RouterLayout? Router = null)
{
    const string MetadataKey = "encoder";

    static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Describes an encoder.</summary>
    public static EncoderDescription Of(EncoderModel model, EncoderOutput output) => model switch
    {
        WeightEnsemblingEncoder routed => new(EncoderKind.WeightEnsembling, model.Config, output, routed.Experts, routed.Layout),
        LowRankEncoder lowRank => new(EncoderKind.LowRank, model.Config, output, lowRank.Experts, lowRank.Layout),
        _ => new(EncoderKind.Static, model.Config, output),
    };

    /// <summary>Reads the description of a stored encoder; null for one of an earlier version, which has none.</summary>
    /// <exception cref="InvalidCheckpointException">It is not a description.</exception>
    public static EncoderDescription? Read(SafetensorsFile file)
    {
        if (!file.Metadata.TryGetValue(MetadataKey, out var json))
            return null;
        try
        {
            return JsonSerializer.Deserialize<EncoderDescription>(json, Format) ?? throw new JsonException("it is null");
        }
        catch (JsonException unreadable)
        {
            throw new InvalidCheckpointException(file.Path, null, $"does not describe its encoder: {unreadable.Message}");
        }
    }

    /// <summary>The metadata of the encoder's file.</summary>
    public IReadOnlyDictionary<string, string> ToMetadata() => ImmutableDictionary<string, string>.Empty.Add(MetadataKey, JsonSerializer.Serialize(this, Format));

    /// <summary>The encoder that is described. Names and shapes are checked; its large tensors are read when they are asked for, while the file is open.</summary>
    /// <exception cref="InvalidCheckpointException">A tensor is missing or does not fit; later, when one is asked for, that it holds what it must not.</exception>
    public EncoderModel Open(SafetensorsFile file)
    {
        var shapes = BertTensors.Shapes(Config);
        foreach (var (name, shape) in shapes)
            CheckShape(file, name, shape);
        var shared = new ReadWhenAsked<Tensor>(shapes.Keys, file.Read);
        return Kind switch
        {
            EncoderKind.WeightEnsembling => new WeightEnsemblingEncoder(Config, shared, TaskVectors(file, shapes), Router!, Routers(file)),
            EncoderKind.LowRank => new LowRankEncoder(Config, shared, Experts, Factors(file), Router, Routers(file)),
            _ => new StaticEncoder(Config, shared),
        };
    }

    static void CheckShape(SafetensorsFile file, string name, ImmutableArray<int> shape)
    {
        var asked = $"its encoder asks for [{string.Join(',', shape)}]";
        if (!file.Entries.TryGetValue(name, out var entry))
            throw new InvalidCheckpointException(file.Path, name, $"is not in the file; {asked}.");
        if (!entry.Shape.AsSpan().SequenceEqual(shape.AsSpan()))
            throw new InvalidCheckpointException(file.Path, name, $"is [{string.Join(',', entry.Shape)}]; {asked}.");
    }

    ReadWhenAsked<ImmutableArray<TaskVector>> TaskVectors(SafetensorsFile file, IReadOnlyDictionary<string, ImmutableArray<int>> shapes) => new(
        shapes.Keys.Where(name => StoredTaskVectors.Has(file, name)),
        name => [.. StoredTaskVectors.Read(file, name, Experts, file.Entries[name].Length)]);

    static ReadWhenAsked<Tensor> Factors(SafetensorsFile file) =>
        new(file.Entries.Keys.Where(name => name.Contains(".experts.", StringComparison.Ordinal)), file.Read);

    static Dictionary<string, Tensor> Routers(SafetensorsFile file) =>
        file.Entries.Keys.Where(name => name.StartsWith("router", StringComparison.Ordinal)).ToDictionary(name => name, file.Read);
}

/// <summary>How the parts of an encoder work together.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<EncoderKind>))]
enum EncoderKind
{
    /// <summary><see cref="StaticEncoder"/>.</summary>
    [JsonStringEnumMemberName("static")] Static,

    /// <summary><see cref="WeightEnsemblingEncoder"/>.</summary>
    [JsonStringEnumMemberName("weight-ensembling")] WeightEnsembling,

    /// <summary><see cref="LowRankEncoder"/>.</summary>
    [JsonStringEnumMemberName("low-rank")] LowRank,
}
