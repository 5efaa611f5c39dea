using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// A BERT encoder (Devlin et al. 2019; normalization after each residual) as a graph, from token ids to one vector per response. Between
/// layers a hidden state is a matrix with a row per token, <c>[batch*tokens, hidden]</c>.
/// </summary>
public sealed class EncoderGraph
{
    /// <summary>Name of the input with the token ids, <c>[batch, tokens]</c>.</summary>
    public const string IdsInput = "input_ids";

    /// <summary>Name of the input that tells tokens (1) from padding (0), <c>[batch, tokens]</c>.</summary>
    public const string MaskInput = "attention_mask";

    /// <summary>Name of the input with the expert of each response, <c>[batch]</c>; only some encoders have it.</summary>
    public const string ExpertInput = "expert";

    readonly Graph graph;
    readonly BertConfig config;
    readonly EncoderWeights weights;
    readonly Node ids;

    /// <summary>Adds the inputs of an encoder to a graph.</summary>
    /// <param name="graph">The graph that <paramref name="weights"/> belong to.</param>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="weights">Its weights.</param>
    public EncoderGraph(Graph graph, BertConfig config, EncoderWeights weights)
    {
        (this.graph, this.config, this.weights) = (graph, config, weights);
        ids = graph.Input(IdsInput, ElementType.I64, ["batch", "tokens"]);
        Mask = graph.Input(MaskInput, ElementType.I64, ["batch", "tokens"]).ToFloating();
    }

    /// <summary>1 for a token of a response, 0 for padding; <c>[batch, tokens]</c>.</summary>
    public Node Mask { get; }

    /// <summary>One vector per response, <c>[batch, hidden]</c>. Layers above the one asked for are not computed.</summary>
    public Node Pooled(EncoderOutput output)
    {
        var hidden = HiddenState(output.Layer);
        using var scope = graph.Scope("pooling");
        return output.Pooling == Pooling.Cls ? FirstToken(hidden) : MeanOfTokens(hidden);
    }

    /// <summary>Hidden state <paramref name="layer"/>, counted as in <see cref="EncoderOutput"/>; <c>[batch*tokens, hidden]</c>.</summary>
    public Node HiddenState(int layer)
    {
        var depth = layer < 0 ? layer + config.Layers + 1 : layer;
        if (depth < 0 || depth > config.Layers)
        {
            throw new ArgumentOutOfRangeException(
                nameof(layer), layer, $"The encoder has {config.Layers} layers: choose 0 to {config.Layers}, or −1 to −{config.Layers + 1} from the end.");
        }
        var padding = ((Mask - 1) * 1e4).Reshape(["batch", 1, 1, "tokens"]);
        var hidden = Embeddings();
        for (var i = 0; i < depth; i++)
        {
            using var scope = graph.Scope($"encoder.layer.{i}");
            hidden = EncoderLayer(hidden, padding, weights.Layers[i]);
        }
        return hidden;
    }

    Node Embeddings()
    {
        using var scope = graph.Scope("embeddings");
        var words = weights.Words.Gather(ids);
        var positions = weights.Positions.Gather(graph.Range("tokens"));
        var types = weights.TokenTypes.Gather(graph.Integers(0));
        return weights.EmbeddingNorm.Apply(words + positions + types).Reshape([(Dimension)"batch" * "tokens", config.HiddenSize]);
    }

    Node EncoderLayer(Node x, Node padding, LayerWeights w)
    {
        var h = w.AttentionNorm.Apply(x + Attention(x, padding, w.Attention.For(x, Mask)));
        using var scope = graph.Scope("mlp");
        return w.OutputNorm.Apply(h + w.Mlp.Apply(h, Mask));
    }

    Node Attention(Node x, Node padding, AttentionWeights w)
    {
        using var scope = graph.Scope("attention");
        var query = Heads(w.Query.Apply(x)).Transpose(0, 2, 1, 3);
        var key = Heads(w.Key.Apply(x)).Transpose(0, 2, 3, 1);
        var value = Heads(w.Value.Apply(x)).Transpose(0, 2, 1, 3);
        var scores = query.MatMul(key) * (1 / Math.Sqrt(HeadSize));
        var attended = (scores + padding).Softmax().MatMul(value);
        return w.Output.Apply(attended.Transpose(0, 2, 1, 3).Reshape(x.Shape));
    }

    int HeadSize => config.HiddenSize / config.AttentionHeads;

    Node Heads(Node x) => x.Reshape(["batch", "tokens", config.AttentionHeads, HeadSize]);

    Node FirstToken(Node hidden) => hidden.Gather(graph.Range("batch") * graph.SizeOf("tokens"));

    Node MeanOfTokens(Node hidden)
    {
        var sum = Mask.Reshape(["batch", 1, "tokens"]).MatMul(hidden.Reshape(["batch", "tokens", config.HiddenSize]));
        return sum.Reshape(["batch", config.HiddenSize]) / Mask.Sum(1);
    }
}
