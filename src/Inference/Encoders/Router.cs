using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>How large routers are, and where they stand (WEMoE §3.2; E-WEMoE).</summary>
/// <param name="Depth">
/// Linear layers of a router: 2 as in the paper, <c>W₂·relu(W₁h + b₁) + b₂</c>; 1 without the hidden layer; 0 for a constant.
/// </param>
/// <param name="IsShared">Whether one router serves all layers (E-WEMoE), each on its own input.</param>
/// <param name="LayerEncoding">Whether a shared router is told the layer, by <see cref="EncodingWidth"/> sines and cosines in front of its input.</param>
/// <param name="FirstLayer">First layer, counted from 0, whose module is routed; those below stay static.</param>
public sealed record RouterLayout(int Depth, bool IsShared = false, bool LayerEncoding = false, int FirstLayer = 0)
{
    /// <summary>Numbers that tell a shared router the layer.</summary>
    public const int EncodingWidth = 8;

    /// <summary>Names and shapes of all routers' tensors.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="experts">Number of experts.</param>
    public IReadOnlyDictionary<string, ImmutableArray<int>> Shapes(BertConfig config, int experts)
    {
        var shapes = new OrderedDictionary<string, ImmutableArray<int>>();
        foreach (var router in Enumerable.Range(FirstLayer, config.Layers - FirstLayer).Select(Name).Distinct())
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

    /// <summary>The router of a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="declare">Adds the tensor of that name and shape to the graph.</param>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="experts">Number of experts.</param>
    internal Router At(int layer, BertConfig config, int experts, Func<string, Shape, Node> declare)
    {
        var name = Name(layer);
        var shapes = Shapes(config, experts);
        return new(
            layer, Layer($"{name}.0"), Weight($"{name}.layer.weight"), Weight($"{name}.1.weight"), Weight($"{name}.1.bias")!);

        Linear? Layer(string linear) => Weight($"{linear}.weight") is { } weight ? new(weight, Weight($"{linear}.bias")!) : null;

        Node? Weight(string tensor) => shapes.TryGetValue(tensor, out var shape) ? declare(tensor, Shape.Of(shape)) : null;
    }

    string Name(int layer) => IsShared ? "router" : $"router.{layer}";
}

/// <summary>A router: from the hidden states of a response's tokens to one weight for each expert, unbounded and without softmax.</summary>
/// <param name="Position">The layer, from 0.</param>
/// <param name="Hidden">W₁ and b₁; null for a depth below 2.</param>
/// <param name="Encoding">What W₁ (or W₂ in depth 1) makes of the layer's encoding, <c>[out, 8]</c>; null where the layer is not told.</param>
/// <param name="Weight">W₂, <c>[experts, hidden]</c>; null for depth 0.</param>
/// <param name="Bias">b₂, <c>[experts]</c>.</param>
sealed record Router(int Position, Linear? Hidden, Node? Encoding, Node? Weight, Node Bias)
{
    /// <summary>w = mean over the response's tokens of r(h): the mean comes after the non-linearity, and padding is left out of it.</summary>
    /// <param name="hidden">Hidden states, <c>[batch*tokens, hidden]</c>.</param>
    /// <param name="mask">1 for a token, 0 for padding; <c>[batch, tokens]</c>.</param>
    /// <returns>Shape <c>[batch, experts]</c>.</returns>
    public Node Weights(Node hidden, Node mask)
    {
        var graph = hidden.Graph;
        using var scope = graph.Scope("router");
        Dimension experts = Bias.Shape[0];
        if (Weight is null)
            return Bias.Reshape([1, experts]).Expand([mask.Shape[0], experts]);

        var x = hidden;
        if (Hidden is not null)
        {
            var before = Hidden.Apply(x);
            x = (Encoding is null ? before : before + Told(graph, Encoding)).Relu();
        }
        var logits = x.Gemm(Weight, Bias, transposeRight: true);
        if (Hidden is null && Encoding is not null)
            logits += Told(graph, Encoding);

        Shape perToken = [mask.Shape[0], mask.Shape[1], experts];
        var sum = mask.Reshape([mask.Shape[0], 1, mask.Shape[1]]).MatMul(logits.Reshape(perToken));
        return sum.Reshape([mask.Shape[0], experts]) / mask.Sum(1);
    }

    // Linear in the encoding, so it is added to what the layer makes of the hidden state: the same as concatenating the two.
    Node Told(Graph graph, Node encoding)
    {
        var values = new float[RouterLayout.EncodingWidth];
        for (var i = 0; i < values.Length; i += 2)
        {
            var (sine, cosine) = Math.SinCos(Position / Math.Pow(10_000, (double)i / values.Length));
            (values[i], values[i + 1]) = ((float)sine, (float)cosine);
        }
        var constant = graph.Weight($"encoding of layer {Position}", new Tensor([1, values.Length], values));
        return constant.Gemm(encoding, transposeRight: true);
    }
}
