using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>A part of an encoder layer that can be routed.</summary>
public enum RoutedModule
{
    /// <summary>The four projections of self-attention.</summary>
    Attention,

    /// <summary>Both linear layers of the MLP.</summary>
    Mlp,
}

/// <summary>How routers are built (WEMoE §3.2; E-WEMoE).</summary>
/// <param name="Depth">
/// Linear layers of a router: 2 as in the paper, <c>W₂·relu(W₁h + b₁) + b₂</c>; 1 without the hidden layer; 0 for a constant.
/// </param>
/// <param name="IsShared">Whether one router serves all modules (E-WEMoE), each on its own input.</param>
/// <param name="LayerEncoding">Whether a router is told its layer, by <see cref="EncodingWidth"/> sines and cosines in front of its input.</param>
public sealed record RouterLayout(int Depth, bool IsShared = false, bool LayerEncoding = false)
{
    /// <summary>Numbers that tell a router its layer.</summary>
    public const int EncodingWidth = 8;

    /// <summary>Names and shapes of the tensors of all routers.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="experts">Number of experts.</param>
    /// <param name="modules">What is routed.</param>
    public IReadOnlyDictionary<string, ImmutableArray<int>> Shapes(BertConfig config, int experts, IEnumerable<(int Layer, RoutedModule Module)> modules)
    {
        var shapes = new OrderedDictionary<string, ImmutableArray<int>>();
        foreach (var router in modules.Select(routed => Name(routed.Layer, routed.Module)).Distinct())
        {
            if (Depth == 2)
            {
                shapes[$"{router}.0.weight"] = [config.HiddenSize, config.HiddenSize];
                shapes[$"{router}.0.bias"] = [config.HiddenSize];
            }
            if (LayerEncoding && Depth > 0)
                shapes[$"{router}.layer.weight"] = [Depth == 2 ? config.HiddenSize : experts, EncodingWidth];
            if (Depth > 0)
                shapes[$"{router}.1.weight"] = [experts, config.HiddenSize];
            shapes[$"{router}.1.bias"] = [experts];
        }
        return shapes;
    }

    /// <summary>Name of the bias b₂ of every router, the only tensor whose initial values mean something by themselves.</summary>
    public static bool IsOutputBias(string tensor) => tensor.StartsWith("router", StringComparison.Ordinal) && tensor.EndsWith(".1.bias", StringComparison.Ordinal);

    /// <summary>The router of a module.</summary>
    internal Router At(int layer, RoutedModule module, BertConfig config, int experts, Func<string, Shape, Node> declare)
    {
        var name = Name(layer, module);
        var shapes = Shapes(config, experts, [(layer, module)]);
        var hidden = Weight($"{name}.0.weight") is { } weight ? new Linear(weight, Weight($"{name}.0.bias")!) : null;
        return new(layer, hidden, Weight($"{name}.layer.weight"), Weight($"{name}.1.weight"), Weight($"{name}.1.bias")!);

        Node? Weight(string tensor) => shapes.TryGetValue(tensor, out var shape) ? declare(tensor, Shape.Of(shape)) : null;
    }

    /// <summary>What a router with <see cref="LayerEncoding"/> is told of its layer: sines and cosines of falling frequency.</summary>
    internal static float[] Encoding(int layer)
    {
        var values = new float[EncodingWidth];
        for (var i = 0; i < values.Length; i += 2)
        {
            var (sine, cosine) = Math.SinCos(layer / Math.Pow(10_000, (double)i / values.Length));
            (values[i], values[i + 1]) = ((float)sine, (float)cosine);
        }
        return values;
    }

    /// <summary>Name of a module's router, before its tensors' names.</summary>
    internal string Name(int layer, RoutedModule module) => IsShared ? "router" : module == RoutedModule.Mlp ? $"router.{layer}" : $"router.{layer}.attention";
}

/// <summary>A router: from the hidden states of a response's tokens to one weight for each expert, unbounded and without softmax.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Hidden">W₁ and b₁; null for a depth below 2.</param>
/// <param name="Encoding">What W₁ (or W₂ in depth 1) makes of the layer's encoding, <c>[out, 8]</c>; null where the layer is not told.</param>
/// <param name="Weight">W₂, <c>[experts, hidden]</c>; null for depth 0.</param>
/// <param name="Bias">b₂, <c>[experts]</c>.</param>
sealed record Router(int Layer, Linear? Hidden, Node? Encoding, Node? Weight, Node Bias)
{
    /// <summary>w = mean over the response's tokens of r(h): the mean comes after the non-linearity, and padding is left out of it.</summary>
    /// <param name="hidden">Hidden states, <c>[batch*tokens, hidden]</c>.</param>
    /// <param name="mask">1 for a token, 0 for padding; <c>[batch, tokens]</c>.</param>
    /// <returns>Shape <c>[batch, experts]</c>.</returns>
    public Node Weights(Node hidden, Node mask)
    {
        using var scope = hidden.Graph.Scope("router");
        var (batch, tokens, experts) = (mask.Shape[0], mask.Shape[1], Bias.Shape[0]);
        if (Weight is null)
            return Bias.Reshape([1, experts]).Expand([batch, experts]);

        var outputs = (Hidden is null ? hidden : Told(Hidden.Apply(hidden)).Relu()).Gemm(Weight, Bias, transposeRight: true);
        if (Hidden is null)
            outputs = Told(outputs);
        var sum = mask.Reshape([batch, 1, tokens]).MatMul(outputs.Reshape([batch, tokens, experts]));
        return sum.Reshape([batch, experts]) / mask.Sum(1);
    }

    // What the layer's encoding adds to a linear layer's output is what concatenating it with the input would.
    Node Told(Node output)
    {
        if (Encoding is null)
            return output;
        var constant = output.Graph.Weight($"{output.Graph.CurrentScope}/layer", new Tensor([1, RouterLayout.EncodingWidth], RouterLayout.Encoding(Layer)));
        return output + constant.Gemm(Encoding, transposeRight: true);
    }
}

/// <summary>An MLP whose linear layers depend on the response, by a router that reads what the MLP reads.</summary>
/// <param name="Router">The router.</param>
/// <param name="Mlp">The MLP for the routing weights <c>[batch, experts]</c>.</param>
/// <param name="Routing">Receives the routing weights; null where nobody asks.</param>
sealed record RoutedMlp(Router Router, Func<Node, IMlp> Mlp, ICollection<Node>? Routing) : IMlp
{
    /// <inheritdoc/>
    public Node Apply(Node hidden, Node mask)
    {
        var routing = Router.Weights(hidden, mask);
        Routing?.Add(routing);
        return Mlp(routing).Apply(hidden, mask);
    }
}

/// <summary>Attention whose projections depend on the response, by a router that reads what the attention reads.</summary>
/// <param name="Router">The router.</param>
/// <param name="Projections">The projections for the routing weights <c>[batch, experts]</c>.</param>
/// <param name="Routing">Receives the routing weights; null where nobody asks.</param>
sealed record RoutedAttention(Router Router, Func<Node, AttentionWeights> Projections, ICollection<Node>? Routing) : IAttention
{
    /// <inheritdoc/>
    public AttentionWeights For(Node hidden, Node mask)
    {
        var routing = Router.Weights(hidden, mask);
        Routing?.Add(routing);
        return Projections(routing);
    }
}
