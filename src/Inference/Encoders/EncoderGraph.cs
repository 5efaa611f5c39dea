using System.Collections.Immutable;
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

    /// <summary>Names of the inputs that each run fills in; all others are the encoder's tensors.</summary>
    public static readonly ImmutableArray<string> InputsOfARun = [IdsInput, MaskInput, ExpertInput];

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
        this.graph = graph;
        this.config = config;
        this.weights = weights;
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
        var hidden = Embeddings();
        for (var i = 0; i < depth; i++)
        {
            using var scope = graph.Scope($"encoder.layer.{i}");
            hidden = EncoderLayer(hidden, weights.Layers[i]);
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

    Node EncoderLayer(Node x, LayerWeights w)
    {
        var h = w.AttentionNorm.Apply(x + Attention(x, w.Attention.For(x, Mask)));
        using var scope = graph.Scope("mlp");
        return w.OutputNorm.Apply(h + w.Mlp.Apply(h, Mask));
    }

    Node Attention(Node x, AttentionWeights w)
    {
        using var scope = graph.Scope("attention");
        var query = w.Query.Apply(x);
        return w.Output.Apply(query.Attention(w.Key.Apply(x), w.Value.Apply(x), Mask, config.AttentionHeads));
    }

    Node FirstToken(Node hidden) => hidden.Gather(graph.Range("batch") * graph.SizeOf("tokens"));

    Node MeanOfTokens(Node hidden)
    {
        var sum = Mask.Reshape(["batch", 1, "tokens"]).MatMul(hidden.Reshape(["batch", "tokens", config.HiddenSize]));
        return sum.Reshape(["batch", config.HiddenSize]) / Mask.Sum(1);
    }
}
