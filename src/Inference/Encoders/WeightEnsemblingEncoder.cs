using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// WEMoE's encoder (Tang et al. 2024, §3): everything but the MLPs is static; each MLP is blended anew for every response from a shared one and
/// the experts' task vectors, θ = θ₀ + Σᵢ wᵢτᵢ, with the weights that a router gives.
/// </summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Shared">The static tensors, and θ₀ of the MLPs.</param>
/// <param name="TaskVectors">For each MLP tensor of a routed layer, weights and biases, every expert's task vector.</param>
/// <param name="Layout">How the routers are built.</param>
/// <param name="Routers">Their tensors.</param>
public sealed record WeightEnsemblingEncoder(
    BertConfig Config,
    IReadOnlyDictionary<string, Tensor> Shared,
    IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors,
    RouterLayout Layout,
    IReadOnlyDictionary<string, Tensor> Routers) : EncoderModel(Config, Shared)
{
    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, Tensor> Additional => Routers;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors { get; } = TaskVectors;

    /// <summary>Number of experts: one for each item.</summary>
    public int Experts => TaskVectors.Values.First().Length;

    /// <summary>Names of a layer's MLP tensors.</summary>
    public static ImmutableArray<string> MlpTensors(int layer) =>
    [
        $"encoder.layer.{layer}.intermediate.dense.weight", $"encoder.layer.{layer}.intermediate.dense.bias",
        $"encoder.layer.{layer}.output.dense.weight", $"encoder.layer.{layer}.output.dense.bias",
    ];

    /// <inheritdoc/>
    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare) => Build(graph, declare, routing: null);

    /// <summary>Adds the encoder to a graph, and says what the routers gave.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="declare">Adds the tensor of that name and shape.</param>
    /// <param name="routing">Receives the routing weights of each routed layer, <c>[batch, experts]</c>, once the hidden states are asked for.</param>
    public EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare, ICollection<Node>? routing)
    {
        // A shared router is declared once.
        var declared = new Dictionary<string, Node>();
        Node Declare(string name, Shape shape) => declared.TryGetValue(name, out var node) ? node : declared[name] = declare(name, shape);

        var weights = EncoderWeights.Declare(Config, Declare, mlp: (layer, up, down) => layer < Layout.FirstLayer
            ? new StaticMlp(up, down)
            : new WeightEnsemblingMlp(
                Layout.At(layer, Config, Experts, Declare), Blended(layer, "intermediate", up), Blended(layer, "output", down), routing));
        return new(graph, Config, weights);

        BlendedLinear Blended(int layer, string part, Linear shared)
        {
            var name = $"encoder.layer.{layer}.{part}.dense";
            return new(shared, Stack($"{name}.weight", shared.Weight), Stack($"{name}.bias", shared.Bias));
        }

        Node Stack(string tensor, Node shared) => Declare(TaskVector.StackOf(tensor), [Experts, shared.Shape.Size]);
    }
}

/// <summary>A linear layer whose weights are blended for each response.</summary>
/// <param name="Shared">θ₀.</param>
/// <param name="Weights">Task vectors of the weight, <c>[experts, out*in]</c>.</param>
/// <param name="Biases">Task vectors of the bias, <c>[experts, out]</c>.</param>
sealed record BlendedLinear(Linear Shared, Node Weights, Node Biases)
{
    /// <summary>Applies each response's own layer to its tokens.</summary>
    /// <param name="x">One column per token, <c>[batch, in, tokens]</c>.</param>
    /// <param name="routing">Weights of the experts, <c>[batch, experts]</c>.</param>
    /// <returns>Shape <c>[batch, out, tokens]</c>.</returns>
    public Node Apply(Node x, Node routing)
    {
        var (batch, output, input) = (routing.Shape[0], Shared.Weight.Shape[0], Shared.Weight.Shape[1]);
        return Blend(routing, Shared.Weight, Weights).Reshape([batch, output, input]).MatMul(x)
            + Blend(routing, Shared.Bias, Biases).Reshape([batch, output, 1]);
    }

    /// <summary>θ₀ + Σᵢ wᵢτᵢ of each response, <c>[batch, values]</c>; θ₀ is added within the product, which saves a pass over all weights.</summary>
    public static Node Blend(Node routing, Node shared, Node taskVectors) => routing.Gemm(taskVectors, shared.Reshape([shared.Shape.Size]));
}

/// <summary>An MLP blended for each response: the router reads what the MLP reads.</summary>
sealed record WeightEnsemblingMlp(Router Router, BlendedLinear Up, BlendedLinear Down, ICollection<Node>? Routing) : IMlp
{
    /// <inheritdoc/>
    public Node Apply(Node hidden, Node mask)
    {
        var routing = Router.Weights(hidden, mask);
        Routing?.Add(routing);
        var x = hidden.Reshape([mask.Shape[0], mask.Shape[1], hidden.Shape[1]]).Transpose(0, 2, 1);
        return Down.Apply(Up.Apply(x, routing).Gelu(), routing).Transpose(0, 2, 1).Reshape(hidden.Shape);
    }
}
