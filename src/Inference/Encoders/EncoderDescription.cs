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

    /// <summary>Reads the encoder that is described.</summary>
    /// <exception cref="InvalidCheckpointException">A tensor is missing or does not fit.</exception>
    public EncoderModel Load(SafetensorsFile file)
    {
        var shared = BertTensors.Shapes(Config).ToDictionary(tensor => tensor.Key, tensor => Fitting(file, tensor.Key, tensor.Value));
        return Kind switch
        {
            EncoderKind.WeightEnsembling => new WeightEnsemblingEncoder(Config, shared, TaskVectors(file, shared), Router!, Routers(file)),
            EncoderKind.LowRank => new LowRankEncoder(Config, shared, Experts, Factors(file), Router, Routers(file)),
            _ => new StaticEncoder(Config, shared),
        };
    }

    static Tensor Fitting(SafetensorsFile file, string name, ImmutableArray<int> shape)
    {
        var tensor = file.Read(name);
        return tensor.Shape.AsSpan().SequenceEqual(shape.AsSpan())
            ? tensor
            : throw new InvalidCheckpointException(file.Path, name, $"is {tensor.Describe()}; its encoder asks for [{string.Join(',', shape)}].");
    }

    Dictionary<string, ImmutableArray<TaskVector>> TaskVectors(SafetensorsFile file, Dictionary<string, Tensor> shared) => shared
        .Where(tensor => StoredTaskVectors.Has(file, tensor.Key))
        .ToDictionary(tensor => tensor.Key, tensor => StoredTaskVectors.Read(file, tensor.Key, Experts, tensor.Value.Length).ToImmutableArray());

    static Dictionary<string, Tensor> Routers(SafetensorsFile file) => Read(file, name => name.StartsWith("router", StringComparison.Ordinal));

    static Dictionary<string, Tensor> Factors(SafetensorsFile file) => Read(file, name => name.Contains(".experts.", StringComparison.Ordinal));

    static Dictionary<string, Tensor> Read(SafetensorsFile file, Func<string, bool> wanted) =>
        file.Entries.Keys.Where(wanted).ToDictionary(name => name, file.Read);
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
