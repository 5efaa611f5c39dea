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
}
