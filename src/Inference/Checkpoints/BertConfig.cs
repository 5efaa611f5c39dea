using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Inference.Checkpoints;

/// <summary>The sizes of a BERT encoder, as in Hugging Face's <c>config.json</c>.</summary>
public sealed record BertConfig
{
    /// <summary>Width of a token's hidden state.</summary>
    [JsonPropertyName("hidden_size")] public required int HiddenSize { get; init; }

    /// <summary>Width of the MLP between its two linear layers.</summary>
    [JsonPropertyName("intermediate_size")] public required int IntermediateSize { get; init; }

    /// <summary>Number of encoder layers.</summary>
    [JsonPropertyName("num_hidden_layers")] public required int Layers { get; init; }

    /// <summary>Attention heads; divides <see cref="HiddenSize"/>.</summary>
    [JsonPropertyName("num_attention_heads")] public required int AttentionHeads { get; init; }

    /// <summary>Rows of the token embedding table.</summary>
    [JsonPropertyName("vocab_size")] public required int VocabularySize { get; init; }

    /// <summary>Rows of the position embedding table: the longest input in tokens.</summary>
    [JsonPropertyName("max_position_embeddings")] public required int MaxPositions { get; init; }

    /// <summary>Rows of the token type table.</summary>
    [JsonPropertyName("type_vocab_size")] public int TokenTypes { get; init; } = 2;

    /// <summary>ε of every layer normalization.</summary>
    [JsonPropertyName("layer_norm_eps")] public float LayerNormEpsilon { get; init; } = 1e-12f;

    /// <summary>Activation of the MLP; only the exact (erf) <c>gelu</c> is supported.</summary>
    [JsonPropertyName("hidden_act")] public string Activation { get; init; } = "gelu";

    /// <summary>Architecture; only <c>bert</c> is supported.</summary>
    [JsonPropertyName("model_type")] public string ModelType { get; init; } = "bert";

    /// <summary>How positions are told apart; only the learned table, <c>absolute</c>, is supported.</summary>
    [JsonPropertyName("position_embedding_type")] public string PositionEmbedding { get; init; } = "absolute";

    static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads a <c>config.json</c>; what it says beyond these properties is ignored.</summary>
    /// <exception cref="InvalidCheckpointException">A size is missing or impossible, or the encoder is of a kind that is not supported.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static BertConfig Read(string file)
    {
        try
        {
            var config = JsonSerializer.Deserialize<BertConfig>(File.ReadAllBytes(file), Format) ?? throw new JsonException("it is null");
            return config.Problem() is { } problem ? throw new InvalidCheckpointException(file, null, problem) : config;
        }
        catch (JsonException e)
        {
            throw new InvalidCheckpointException(file, null, $"is not the configuration of a BERT encoder: {e.Message}");
        }
    }

    /// <summary>The content of a <c>config.json</c>.</summary>
    internal byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Format);

    string? Problem()
    {
        // Far above any BERT; a hostile size must not become a loop or an allocation.
        const int maximumLayers = 1000;
        (string Name, int Value)[] sizes =
        [
            ("hidden_size", HiddenSize), ("intermediate_size", IntermediateSize), ("num_hidden_layers", Layers),
            ("num_attention_heads", AttentionHeads), ("vocab_size", VocabularySize), ("max_position_embeddings", MaxPositions),
            ("type_vocab_size", TokenTypes),
        ];
        foreach (var (name, value) in sizes)
        {
            if (value <= 0) return $"has {name} = {value}; it must be positive.";
        }
        if (Layers > maximumLayers) return $"has num_hidden_layers = {Layers}; at most {maximumLayers} are supported.";
        if (HiddenSize % AttentionHeads != 0) return $"has hidden_size = {HiddenSize}, which num_attention_heads = {AttentionHeads} does not divide.";
        if (!(LayerNormEpsilon > 0 && float.IsFinite(LayerNormEpsilon))) return $"has layer_norm_eps = {LayerNormEpsilon}; it must be positive.";
        if (ModelType != "bert") return $"has model_type = '{ModelType}'; only 'bert' is supported.";
        if (Activation != "gelu") return $"has hidden_act = '{Activation}'; only 'gelu' is supported.";
        if (PositionEmbedding != "absolute") return $"has position_embedding_type = '{PositionEmbedding}'; only 'absolute' is supported.";
        return null;
    }
}
