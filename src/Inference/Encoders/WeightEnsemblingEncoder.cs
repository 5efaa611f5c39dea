using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// WEMoE's encoder (Tang et al. 2024, §3): static but for its critical modules, in the paper the MLPs. Each of those is blended anew for every response from a
/// shared one and the experts' task vectors, θ = θ₀ + Σᵢ wᵢτᵢ, with the weights that a router gives.
/// </summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Shared">The static tensors, and θ₀ of the critical modules.</param>
/// <param name="TaskVectors">For each tensor of a critical module, weights and biases, every expert's task vector. They say which modules are critical.</param>
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

    /// <inheritdoc/>
    /// <remarks>
    /// Every response has its own MLPs while it is in a layer: 4.7 MB in fp32 for MiniLM. Few enough stay in the cache; many enough share the reading of the task
    /// vectors.
    /// </remarks>
    public override int ResponsesPerPass => 8;

    /// <summary>Number of experts: one for each item.</summary>
    public int Experts => TaskVectors.Values.First().Length;

    /// <summary>Names of the tensors of a module.</summary>
    public static ImmutableArray<string> TensorsOf(int layer, RoutedModule module) =>
        [.. LinearsOf(layer, module).SelectMany(linear => new[] { $"{linear}.weight", $"{linear}.bias" })];

    /// <inheritdoc/>
    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare) => Build(graph, declare, routing: null);

    /// <summary>Adds the encoder to a graph, and says what the routers gave.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="declare">Adds the tensor of that name and shape.</param>
    /// <param name="routing">
    /// Receives the routing weights of each critical module, <c>[batch, experts]</c>, layer by layer, attention first, once the hidden states are asked for.
    /// </param>
    public EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare, ICollection<Node>? routing)
    {
        // A shared router is declared once.
        var declared = new Dictionary<string, Node>();
        Node Declare(string name, Shape shape) => declared.TryGetValue(name, out var node) ? node : declared[name] = declare(name, shape);

        return new(graph, Config, EncoderWeights.Declare(
            Config,
            Declare,
            attention: (layer, plain) => IsCritical(layer, RoutedModule.Attention)
                ? new RoutedAttention(RouterAt(layer, RoutedModule.Attention), weights => Projections(layer, plain, weights), routing)
                : plain,
            mlp: (layer, plain) => IsCritical(layer, RoutedModule.Mlp)
                ? new RoutedMlp(RouterAt(layer, RoutedModule.Mlp), weights => Mlp(layer, plain, weights), routing)
                : plain));

        bool IsCritical(int layer, RoutedModule module) => TaskVectors.ContainsKey(TensorsOf(layer, module)[0]);

        Router RouterAt(int layer, RoutedModule module) => Layout.At(layer, module, Config, Experts, Declare);

        StaticMlp Mlp(int layer, StaticMlp plain, Node weights)
        {
            var names = LinearsOf(layer, RoutedModule.Mlp);
            return new(Layer(names[0], plain.Up, weights), Layer(names[1], plain.Down, weights));
        }

        AttentionWeights Projections(int layer, AttentionWeights plain, Node weights)
        {
            var names = LinearsOf(layer, RoutedModule.Attention);
            return new(
                Layer(names[0], plain.Query, weights), Layer(names[1], plain.Key, weights), Layer(names[2], plain.Value, weights),
                Layer(names[3], plain.Output, weights));
        }

        BlendedLinear Layer(string name, ILinear plain, Node weights)
        {
            var shared = (Linear)plain;
            return new(shared, Stack($"{name}.weight", shared.Weight), Stack($"{name}.bias", shared.Bias), weights);
        }

        Node Stack(string tensor, Node shared) => Declare(TaskVector.StackOf(tensor), [Experts, shared.Shape.Size]);
    }

    static ImmutableArray<string> LinearsOf(int layer, RoutedModule module) => module == RoutedModule.Mlp
        ? [$"encoder.layer.{layer}.intermediate.dense", $"encoder.layer.{layer}.output.dense"]
        :
        [
            $"encoder.layer.{layer}.attention.self.query", $"encoder.layer.{layer}.attention.self.key", $"encoder.layer.{layer}.attention.self.value",
            $"encoder.layer.{layer}.attention.output.dense",
        ];
}

/// <summary>A linear layer that is blended for each response.</summary>
/// <param name="Shared">θ₀.</param>
/// <param name="Weights">Task vectors of the weight, <c>[experts, out*in]</c>.</param>
/// <param name="Biases">Task vectors of the bias, <c>[experts, out]</c>.</param>
/// <param name="Routing">Weights of the experts for each response, <c>[batch, experts]</c>.</param>
sealed record BlendedLinear(Linear Shared, Node Weights, Node Biases, Node Routing) : ILinear
{
    /// <inheritdoc/>
    public Node Apply(Node x)
    {
        var (batch, output, input) = (Routing.Shape[0], Shared.Weight.Shape[0], Shared.Weight.Shape[1]);
        // A column per token: the small matrix is transposed, not the blended weights.
        var columns = x.Reshape([batch, "tokens", input]).Transpose(0, 2, 1);
        var result = Blend(Routing, Shared.Weight, Weights).Reshape([batch, output, input]).MatMul(columns)
            + Blend(Routing, Shared.Bias, Biases).Reshape([batch, output, 1]);
        return result.Transpose(0, 2, 1).Reshape([x.Shape[0], output]);
    }

    /// <summary>θ₀ + Σᵢ wᵢτᵢ of each response, <c>[batch, values]</c>; θ₀ is added within the product, which saves a pass over all weights.</summary>
    public static Node Blend(Node routing, Node shared, Node taskVectors) => routing.Gemm(taskVectors, shared.Reshape([shared.Shape.Size]));
}
