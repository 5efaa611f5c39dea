using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>A layer that is linear in its rows.</summary>
public interface ILinear
{
    /// <summary>Applies it to rows: <c>[rows, in]</c> to <c>[rows, out]</c>.</summary>
    Node Apply(Node x);
}

/// <summary>A linear layer, x·Wᵀ + b.</summary>
/// <param name="Weight">W, shape <c>[out, in]</c>.</param>
/// <param name="Bias">b, shape <c>[out]</c>.</param>
public sealed record Linear(Node Weight, Node Bias) : ILinear
{
    /// <inheritdoc/>
    public Node Apply(Node x) => x.Gemm(Weight, Bias, transposeRight: true);
}

/// <summary>A layer normalization.</summary>
/// <param name="Scale">γ, shape <c>[hidden]</c>.</param>
/// <param name="Shift">β, shape <c>[hidden]</c>.</param>
/// <param name="Epsilon">Added to the variance.</param>
public sealed record LayerNorm(Node Scale, Node Shift, float Epsilon)
{
    /// <summary>Normalizes the last axis.</summary>
    public Node Apply(Node x) => x.LayerNormalization(Scale, Shift, Epsilon);
}

/// <summary>Self-attention of one layer.</summary>
public interface IAttention
{
    /// <summary>Its projections for some input.</summary>
    /// <param name="hidden">Hidden states, <c>[batch*tokens, hidden]</c>.</param>
    /// <param name="mask">1 for a token of the response, 0 for padding; <c>[batch, tokens]</c>.</param>
    AttentionWeights For(Node hidden, Node mask);
}

/// <summary>The projections of multi-head self-attention, all <c>[hidden, hidden]</c>, the same for every response.</summary>
public sealed record AttentionWeights(ILinear Query, ILinear Key, ILinear Value, ILinear Output) : IAttention
{
    /// <inheritdoc/>
    public AttentionWeights For(Node hidden, Node mask) => this;
}

/// <summary>What an encoder layer does after attention: the part in which item models differ most, and which merging methods replace.</summary>
public interface IMlp
{
    /// <summary>Transforms every token.</summary>
    /// <param name="hidden">Hidden states, <c>[batch*tokens, hidden]</c>.</param>
    /// <param name="mask">1 for a token of the response, 0 for padding; <c>[batch, tokens]</c>.</param>
    /// <returns>The same shape as <paramref name="hidden"/>.</returns>
    Node Apply(Node hidden, Node mask);
}

/// <summary>BERT's MLP: two linear layers with GELU between them, the same for every response.</summary>
public sealed record StaticMlp(ILinear Up, ILinear Down) : IMlp
{
    /// <inheritdoc/>
    public Node Apply(Node hidden, Node mask) => Down.Apply(Up.Apply(hidden).Gelu());
}

/// <summary>One encoder layer.</summary>
public sealed record LayerWeights(IAttention Attention, LayerNorm AttentionNorm, IMlp Mlp, LayerNorm OutputNorm);

/// <summary>The weights of a BERT encoder as nodes of a graph: inputs while it is trained, stored weights when it is served.</summary>
/// <param name="Words">Token embedding table, <c>[vocabulary, hidden]</c>.</param>
/// <param name="Positions">Position embedding table, <c>[positions, hidden]</c>.</param>
/// <param name="TokenTypes">Token type table, <c>[types, hidden]</c>.</param>
/// <param name="EmbeddingNorm">Normalization of the summed embeddings.</param>
/// <param name="Layers">The layers, first to last.</param>
public sealed record EncoderWeights(Node Words, Node Positions, Node TokenTypes, LayerNorm EmbeddingNorm, ImmutableArray<LayerWeights> Layers)
{
    /// <summary>Declares every tensor of <see cref="BertTensors"/>.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="declare">Adds the tensor of that name and shape to the graph.</param>
    /// <param name="linear">Makes more of a linear layer than the plain one, given its name without <c>.weight</c>; null for none.</param>
    /// <param name="attention">Makes more of a layer's attention, given its number and its plain projections; null for none.</param>
    /// <param name="mlp">Makes more of a layer's MLP, given its number and its plain linear layers; null for none.</param>
    public static EncoderWeights Declare(
        BertConfig config, Func<string, Shape, Node> declare, Func<string, Linear, ILinear>? linear = null,
        Func<int, AttentionWeights, IAttention>? attention = null, Func<int, StaticMlp, IMlp>? mlp = null)
    {
        if (config.Activation != "gelu")
            throw new NotSupportedException($"hidden_act is '{config.Activation}' in config.json; only 'gelu' is supported.");
        var nodes = BertTensors.Shapes(config).ToDictionary(tensor => tensor.Key, tensor => declare(tensor.Key, Shape.Of(tensor.Value)));
        return new(
            nodes[BertTensors.WordEmbeddings], nodes[BertTensors.PositionEmbeddings], nodes[BertTensors.TokenTypeEmbeddings],
            Norm("embeddings.LayerNorm"), [.. Enumerable.Range(0, config.Layers).Select(layer => Layer(layer, $"encoder.layer.{layer}"))]);

        LayerWeights Layer(int layer, string name)
        {
            var projections = new AttentionWeights(
                Dense($"{name}.attention.self.query"), Dense($"{name}.attention.self.key"), Dense($"{name}.attention.self.value"),
                Dense($"{name}.attention.output.dense"));
            var plain = new StaticMlp(Dense($"{name}.intermediate.dense"), Dense($"{name}.output.dense"));
            return new(
                attention?.Invoke(layer, projections) ?? projections, Norm($"{name}.attention.output.LayerNorm"),
                mlp?.Invoke(layer, plain) ?? plain, Norm($"{name}.output.LayerNorm"));
        }

        ILinear Dense(string name)
        {
            var plain = new Linear(nodes[$"{name}.weight"], nodes[$"{name}.bias"]);
            return linear?.Invoke(name, plain) ?? plain;
        }

        LayerNorm Norm(string name) => new(nodes[$"{name}.weight"], nodes[$"{name}.bias"], config.LayerNormEpsilon);
    }
}
