using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>Encoders of random weights that keep something of each item's own.</summary>
static class RandomEncoders
{
    static readonly BertConfig Tiny = new()
    {
        HiddenSize = 24, IntermediateSize = 40, Layers = 3, AttentionHeads = 4, VocabularySize = 60, MaxPositions = 20,
    };

    /// <summary>One of each kind: routed with dense or pruned task vectors, low-rank by item or by router.</summary>
    /// <param name="kind"><c>static</c>, <c>wemoe</c>, <c>e-wemoe</c>, <c>low-rank</c> or <c>low-rank routed</c>.</param>
    /// <param name="random">Decides sizes and weights.</param>
    /// <param name="config">Sizes of the encoder; small ones by default.</param>
    /// <param name="experts">Number of experts; 2 to 5 by default.</param>
    /// <param name="routedAttention">Whether attention may be routed too.</param>
    public static EncoderModel Of(string kind, Random random, BertConfig? config = null, int? experts = null, bool routedAttention = true)
    {
        var (sizes, count) = (config ?? Tiny, experts ?? random.Next(2, 6));
        return kind switch
        {
            "static" => new StaticEncoder(sizes, Shared(random, sizes)),
            "wemoe" => Routed(random, sizes, count, pruned: false, routedAttention),
            "e-wemoe" => Routed(random, sizes, count, pruned: true, routedAttention),
            "low-rank" => LowRank(random, sizes, count, layout: null),
            _ => LowRank(random, sizes, count, new(random.Next(3))),
        };
    }

    /// <summary>The static encoder that one item of a low-rank encoder sees: W + BA and b + bᵢ for every linear layer.</summary>
    public static StaticEncoder Folded(LowRankEncoder encoder, int expert)
    {
        var folded = encoder.Shared.ToDictionary();
        foreach (var linear in LowRankEncoder.Linears(encoder.Config))
        {
            var (weight, bias) = (folded[$"{linear}.weight"], folded[$"{linear}.bias"]);
            var (outputs, inputs) = (weight.Shape[0], weight.Shape[1]);
            var (inner, outer) = (encoder.Factors[LowRankEncoder.InnerOf(linear)], encoder.Factors[LowRankEncoder.OuterOf(linear)]);
            var own = encoder.Factors[LowRankEncoder.BiasOf(linear)];
            var rank = inner.Shape[0] / encoder.Experts;
            double Product(int row, int column) =>
                Enumerable.Range(expert * rank, rank).Sum(r => (double)outer.Values[(r * outputs) + row] * inner.Values[(r * inputs) + column]);
            float[] sum = [.. weight.Values.Select((value, i) => (float)(value + Product(i / inputs, i % inputs)))];
            folded[$"{linear}.weight"] = weight with { Values = sum };
            folded[$"{linear}.bias"] = bias with { Values = [.. bias.Values.Select((value, i) => value + own.Values[(expert * outputs) + i])] };
        }
        return new(encoder.Config, folded);
    }

    /// <summary>Responses of any length, each of any item.</summary>
    public static EncoderInput[] Responses(Random random, EncoderModel encoder, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => new EncoderInput(
            Enumerable.Range(0, random.Next(1, encoder.Config.MaxPositions + 1)).Select(_ => random.Next(encoder.Config.VocabularySize)).ToArray(),
            random.Next(ExpertsOf(encoder))))];

    public static int ExpertsOf(EncoderModel encoder) => encoder switch
    {
        WeightEnsemblingEncoder routed => routed.Experts,
        LowRankEncoder lowRank => lowRank.Experts,
        _ => 1,
    };

    public static float[][] Encode(EncoderModel encoder, params EncoderInput[] responses)
    {
        using var session = EncoderSession.Create(encoder, new(), new() { Threads = 1 });
        return Encode(session, responses);
    }

    public static float[][] Encode(IEncoder session, params EncoderInput[] responses)
    {
        var pooled = new float[responses.Length * session.HiddenSize];
        session.Encode(responses, pooled);
        return [.. pooled.Chunk(session.HiddenSize)];
    }

    public static float Distance(float[] left, float[] right) => left.Zip(right, (a, b) => Math.Abs(a - b)).Max();

    static WeightEnsemblingEncoder Routed(Random random, BertConfig config, int experts, bool pruned, bool routedAttention)
    {
        // At least one module: the last layer's MLP.
        (int Layer, RoutedModule Module)[] modules =
        [
            .. from layer in Enumerable.Range(0, config.Layers)
               from module in Enum.GetValues<RoutedModule>()
               where (layer == config.Layers - 1 && module == RoutedModule.Mlp)
                   || ((routedAttention || module == RoutedModule.Mlp) && random.Next(2) == 0)
               select (layer, module),
        ];
        var shared = Shared(random, config);
        var layout = new RouterLayout(random.Next(3), IsShared: random.Next(2) == 0, LayerEncoding: random.Next(2) == 0);
        var taskVectors = modules.SelectMany(routed => WeightEnsemblingEncoder.TensorsOf(routed.Layer, routed.Module)).ToDictionary(
            tensor => tensor,
            tensor => Enumerable.Range(0, experts).Select(_ => TaskVectorOf(Values(random, shared[tensor].Shape, .3f).Values)).ToImmutableArray());
        return new(config, shared, taskVectors, layout, Tensors(random, layout.Shapes(config, experts, modules), 1));

        TaskVector TaskVectorOf(float[] values) => pruned
            ? TaskVector.Sparse(values, [.. values.Select(_ => random.Next(10) == 0)]) : TaskVector.Dense(values);
    }

    static LowRankEncoder LowRank(Random random, BertConfig config, int experts, RouterLayout? layout)
    {
        var (rank, shapes) = (random.Next(1, 6), BertTensors.Shapes(config));
        var factors = new Dictionary<string, Tensor>();
        foreach (
            var linear in LowRankEncoder.Linears(config).Where(linear => layout is null || !linear.Contains("attention", StringComparison.Ordinal)))
        {
            var shape = shapes[$"{linear}.weight"];
            factors[LowRankEncoder.InnerOf(linear)] = Values(random, [experts * rank, shape[1]], .5f);
            factors[LowRankEncoder.OuterOf(linear)] = Values(random, [experts * rank, shape[0]], .5f);
            factors[LowRankEncoder.BiasOf(linear)] = Values(random, [experts, shape[0]], .5f);
        }
        var routers = layout?.Shapes(config, experts, Enumerable.Range(0, config.Layers).Select(layer => (layer, RoutedModule.Mlp)));
        return new(config, Shared(random, config), experts, factors, layout, routers is null
            ? ImmutableDictionary<string, Tensor>.Empty : Tensors(random, routers, 1));
    }

    static Dictionary<string, Tensor> Shared(Random random, BertConfig config) => Tensors(random, BertTensors.Shapes(config), .5f);

    static Dictionary<string, Tensor> Tensors(Random random, IEnumerable<KeyValuePair<string, ImmutableArray<int>>> shapes, float scale) =>
        shapes.ToDictionary(tensor => tensor.Key, tensor => Values(random, tensor.Value, scale));

    static Tensor Values(Random random, ImmutableArray<int> shape, float scale) =>
        new(shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => ((2 * random.NextSingle()) - 1) * scale)]);
}

/// <summary>Another encoder without its bound on the responses in one pass.</summary>
sealed record InOnePass(EncoderModel Inner) : EncoderModel(Inner.Config, Inner.Shared)
{
    public override IReadOnlyDictionary<string, Tensor> Additional => Inner.Additional;

    public override IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors => Inner.TaskVectors;

    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare) => Inner.Build(graph, declare);
}
