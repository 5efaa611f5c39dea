using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// A shared encoder with low-rank experts on its linear layers: y = x·Wᵀ + b + Σᵢ wᵢ ((x·Aᵢᵀ)·Bᵢ + bᵢ). The expert is the response's own item's (w is one there and
/// zero elsewhere), or, with routers, a blend that each layer's router gives.
/// </summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Shared">The shared tensors.</param>
/// <param name="Experts">Number of experts: one for each item.</param>
/// <param name="Factors">
/// For each linear layer with experts, <see cref="InnerOf"/> A, <c>[experts*rank, in]</c>, <see cref="OuterOf"/> B, <c>[experts*rank, out]</c>, and
/// <see cref="BiasOf"/> the biases, <c>[experts, out]</c>.
/// </param>
/// <param name="Layout">How the routers are built; null where the item selects its expert. Routers serve the MLPs' linear layers only.</param>
/// <param name="Routers">Their tensors; empty where there are none.</param>
public sealed record LowRankEncoder(
    BertConfig Config,
    IReadOnlyDictionary<string, Tensor> Shared,
    int Experts,
    IReadOnlyDictionary<string, Tensor> Factors,
    RouterLayout? Layout,
    IReadOnlyDictionary<string, Tensor> Routers) : EncoderModel(Config, Shared)
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> Additional => Factors.Concat(Routers).ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>Name of the factor A of a linear layer.</summary>
    public static string InnerOf(string linear) => $"{linear}.experts.inner";

    /// <summary>Name of the factor B of a linear layer.</summary>
    public static string OuterOf(string linear) => $"{linear}.experts.outer";

    /// <summary>Name of the experts' biases of a linear layer.</summary>
    public static string BiasOf(string linear) => $"{linear}.experts.bias";

    /// <summary>Names of all linear layers, without <c>.weight</c>: attention, then MLP, layer by layer.</summary>
    public static IEnumerable<string> Linears(BertConfig config) => BertTensors.Shapes(config)
        .Where(tensor => tensor.Value.Length == 2 && tensor.Key.StartsWith("encoder.", StringComparison.Ordinal))
        .Select(tensor => tensor.Key[..^".weight".Length]);

    /// <inheritdoc/>
    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare) => Build(graph, declare, routing: null);

    /// <summary>Adds the encoder to a graph, and says what its routers gave.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="declare">Adds the tensor of that name and shape.</param>
    /// <param name="routing">Receives the routing weights of each routed layer, <c>[batch, experts]</c>, once the hidden states are asked for.</param>
    public EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare, ICollection<Node>? routing)
    {
        var declared = new Dictionary<string, Node>();
        Node Declare(string name, Shape shape) => declared.TryGetValue(name, out var node) ? node : declared[name] = declare(name, shape);

        if (Layout is not null)
        {
            return new(graph, Config, EncoderWeights.Declare(Config, Declare, mlp: (layer, plain) => new RoutedMlp(
                Layout.At(layer, RoutedModule.Mlp, Config, Experts, Declare),
                weights => new StaticMlp(
                    WithExperts($"encoder.layer.{layer}.intermediate.dense", (Linear)plain.Up, weights),
                    WithExperts($"encoder.layer.{layer}.output.dense", (Linear)plain.Down, weights)),
                routing)));
        }

        var selection = Selection(graph);
        return new(graph, Config, EncoderWeights.Declare(Config, Declare, linear: (name, shared) => WithExperts(name, shared, selection)));

        ILinear WithExperts(string name, Linear shared, Node routing) => Factors.ContainsKey(InnerOf(name))
            ? new LowRankLinear(shared, Factor(InnerOf(name)), Factor(OuterOf(name)), Factor(BiasOf(name)), routing)
            : shared;

        Node Factor(string name) => Declare(name, Shape.Of(Factors[name].Shape));
    }

    /// <summary>One-hot rows, <c>[batch, experts]</c>, from each response's expert.</summary>
    Node Selection(Graph graph)
    {
        var identity = new float[Experts * Experts];
        for (var i = 0; i < Experts; i++)
            identity[(i * Experts) + i] = 1;
        return graph.Weight("experts", new Tensor([Experts, Experts], identity)).Gather(graph.Input(EncoderGraph.ExpertInput, ElementType.I64, ["batch"]));
    }
}

/// <summary>A linear layer with low-rank experts.</summary>
/// <param name="Shared">The layer all items share.</param>
/// <param name="Inner">A, <c>[experts*rank, in]</c>.</param>
/// <param name="Outer">B, <c>[experts*rank, out]</c>.</param>
/// <param name="Biases">What experts add to the bias, <c>[experts, out]</c>.</param>
/// <param name="Routing">Weights of the experts for each response, <c>[batch, experts]</c>.</param>
sealed record LowRankLinear(Linear Shared, Node Inner, Node Outer, Node Biases, Node Routing) : ILinear
{
    /// <inheritdoc/>
    public Node Apply(Node x)
    {
        var (batch, count, output) = (Routing.Shape[0], Routing.Shape[1], Biases.Shape[1]);
        Dimension rank = Inner.Shape[0].Factor / count.Factor;
        var inner = x.Gemm(Inner, transposeRight: true);
        var weighted = inner.Reshape([batch, "tokens", count, rank]) * Routing.Reshape([batch, 1, count, 1]);
        var experts = weighted.Reshape(inner.Shape).Gemm(Outer).Reshape([batch, "tokens", output]) + Routing.Gemm(Biases).Reshape([batch, 1, output]);
        return Shared.Apply(x) + experts.Reshape([x.Shape[0], output]);
    }
}
