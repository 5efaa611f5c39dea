using System.Text.Json.Serialization;

namespace ScoringService.Inference.Encoders;

/// <summary>Linear layers that are served in eight bits, of every encoder layer alike.</summary>
[Flags]
[JsonConverter(typeof(JsonStringEnumConverter<EightBit>))]
public enum EightBit
{
    /// <summary>None: all of them in fp32.</summary>
    None = 0,

    /// <summary>Query, key and value.</summary>
    Projections = 1,

    /// <summary>Attention's output projection.</summary>
    AttentionOutput = 2,

    /// <summary>The first linear layer of the MLP.</summary>
    Up = 4,

    /// <summary>The second linear layer of the MLP.</summary>
    Down = 8,

    /// <summary>All of them.</summary>
    All = Projections | AttentionOutput | Up | Down,
}
