using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>The tensors of a BERT encoder, by Hugging Face's names without the <c>bert.</c> prefix.</summary>
public static class BertTensors
{
    /// <summary>Token embedding table, <c>[vocabulary, hidden]</c>.</summary>
    public const string WordEmbeddings = "embeddings.word_embeddings.weight";

    /// <summary>Position embedding table, <c>[positions, hidden]</c>.</summary>
    public const string PositionEmbeddings = "embeddings.position_embeddings.weight";

    /// <summary>Token type table, <c>[types, hidden]</c>.</summary>
    public const string TokenTypeEmbeddings = "embeddings.token_type_embeddings.weight";

    /// <summary>The three tables that fine-tuning freezes by default.</summary>
    public static ImmutableArray<string> EmbeddingTables { get; } = [WordEmbeddings, PositionEmbeddings, TokenTypeEmbeddings];

    /// <summary>Every tensor that the encoder reads with its shape, in the order of the model: embeddings first, then layer by layer.</summary>
    /// <remarks>Linear layers keep PyTorch's orientation, <c>[out, in]</c>. The pooler is not part of the encoder.</remarks>
    public static IReadOnlyDictionary<string, ImmutableArray<int>> Shapes(BertConfig config)
    {
        var shapes = new OrderedDictionary<string, ImmutableArray<int>>
        {
            [WordEmbeddings] = [config.VocabularySize, config.HiddenSize],
            [PositionEmbeddings] = [config.MaxPositions, config.HiddenSize],
            [TokenTypeEmbeddings] = [config.TokenTypes, config.HiddenSize],
        };
        LayerNorm("embeddings.LayerNorm");
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var name = $"encoder.layer.{layer}";
            Linear($"{name}.attention.self.query", config.HiddenSize, config.HiddenSize);
            Linear($"{name}.attention.self.key", config.HiddenSize, config.HiddenSize);
            Linear($"{name}.attention.self.value", config.HiddenSize, config.HiddenSize);
            Linear($"{name}.attention.output.dense", config.HiddenSize, config.HiddenSize);
            LayerNorm($"{name}.attention.output.LayerNorm");
            Linear($"{name}.intermediate.dense", config.HiddenSize, config.IntermediateSize);
            Linear($"{name}.output.dense", config.IntermediateSize, config.HiddenSize);
            LayerNorm($"{name}.output.LayerNorm");
        }
        return shapes;

        void Linear(string name, int inputs, int outputs)
        {
            shapes[$"{name}.weight"] = [outputs, inputs];
            shapes[$"{name}.bias"] = [outputs];
        }

        void LayerNorm(string name)
        {
            shapes[$"{name}.weight"] = [config.HiddenSize];
            shapes[$"{name}.bias"] = [config.HiddenSize];
        }
    }

    /// <summary>Makes sure that <paramref name="tensors"/> has every tensor of the encoder in its right shape; more may be there.</summary>
    /// <exception cref="ArgumentException">A tensor is missing or has another shape.</exception>
    public static void Check(BertConfig config, IReadOnlyDictionary<string, Tensor> tensors)
    {
        foreach (var (name, shape) in Shapes(config))
        {
            if (!tensors.TryGetValue(name, out var tensor))
                throw new ArgumentException($"Tensor '{name}' is missing; an encoder of {config.Layers} layers needs it.", nameof(tensors));
            if (!tensor.Shape.AsSpan().SequenceEqual(shape.AsSpan()))
                throw new ArgumentException($"Tensor '{name}' is {tensor.Describe()}; config.json asks for [{string.Join(',', shape)}].", nameof(tensors));
        }
    }
}
