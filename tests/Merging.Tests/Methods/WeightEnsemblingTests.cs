using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Methods;

public sealed class WeightEnsemblingTests
{
    static readonly MergeWork Work = new(new() { Threads = 1 }, 2, new Progress<StageProgress>(), CancellationToken.None);

    public static TheoryData<string> Golden => ["wemoe", "ewemoe"];

    [Theory]
    [MemberData(nameof(Golden))]
    public void Routing_features_and_logits_are_PyTorchs(string method)
    {
        var encoder = Encoder(method);
        var graph = new Graph();
        var routing = new List<Node>();
        var pooled = encoder.Build(graph, (name, _) => graph.Weight(name, encoder.TensorOf(name)), routing).Pooled(new());
        using var runner = new GraphRunner(graph, [pooled, Logits(graph, pooled), .. routing]);

        var outputs = runner.Run(Batch());

        AssertRelative(TinyWemoe.Values($"{method}.pooled"), outputs[0], 1e-5, "pooled");
        AssertRelative(TinyWemoe.Values($"{method}.logits"), outputs[1], 1e-5, "logits");
        AssertRelative(TinyWemoe.Values($"{method}.routing"), [.. outputs[2..].SelectMany(layer => layer)], 1e-5, "routing");
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void The_entropy_and_its_gradients_are_PyTorchs(string method)
    {
        var encoder = Encoder(method);
        var graph = new Graph();
        var nodes = new Dictionary<string, Node>();
        var pooled = encoder.Build(graph, (name, _) => nodes[name] = graph.Weight(name, encoder.TensorOf(name))).Pooled(new());
        var entropy = Losses.Entropy(Logits(graph, pooled)).Mean(0);
        string[] routers = [.. encoder.Routers.Keys];
        using var runner = new GraphRunner(graph, [entropy, .. Gradients.Of(entropy, [.. routers.Select(name => nodes[name])])]);

        var outputs = runner.Run(Batch());

        AssertRelative(TinyWemoe.Values($"{method}.entropy"), outputs[0], 1e-5, "entropy");
        foreach (var (name, gradient) in routers.Zip(outputs.Skip(1)))
            AssertRelative(TinyWemoe.Values(TinyWemoe.GoldenName(method, ".grad", name)), gradient, 1e-5, name);
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void Joint_training_sees_the_same_entropy(string method)
    {
        var encoder = Encoder(method);
        var group = TinyWemoe.Group;
        var heads = StackedHeads.Of([.. group.Items.Select(item => item.Data.Item)], [.. group.Ids.Select(id => group.Models[id].Head)]);
        var rates = encoder.Routers.Keys.ToDictionary(name => name, _ => 1e-3f);
        using var trainer = new JointTrainer(encoder, rates, heads, null, new() { Entropy = 1 }, 0, Work);
        JointExample[] rows = [.. TinyWemoe.Responses.Zip(TinyWemoe.Items, (ids, item) => new JointExample(ids, item))];

        var before = trainer.Step(rows, 1);
        var after = trainer.Step(rows, 1);

        Assert.Equal(TinyWemoe.Values($"{method}.entropy")[0], before, 1e-5);
        Assert.True(after < before, $"{after} after {before}");
        Assert.Equal(encoder.Routers.Keys.Order(), trainer.Trained().Keys.Order());
    }

    [Fact]
    public void The_mean_over_tokens_comes_after_the_routers_non_linearity()
    {
        var graph = new Graph();
        using var runner = new GraphRunner(graph, WorkedRouter(graph).Weights(Tokens(graph), Mask(graph)));

        AssertClose([.275, .675], runner.Run(("x", [1, 2, -1, .5], [2, 2]), ("mask", [1, 1], [1, 2]))[0]);
    }

    [Fact]
    public void Padding_is_left_out_of_the_routers_mean()
    {
        var graph = new Graph();
        using var runner = new GraphRunner(graph, WorkedRouter(graph).Weights(Tokens(graph), Mask(graph)));

        AssertClose([.275, .675], runner.Run(("x", [1, 2, -1, .5, 7, 7], [3, 2]), ("mask", [1, 1, 0], [1, 3]))[0]);
    }

    // Algorithm brief §2.7: the activation there is relu, so the two linear layers are put together here.
    [Theory]
    [InlineData(false, new[] { .882925, 2.432675, .240225, .0839125 })]
    [InlineData(true, new[] { 1.1936, 2.2264, .1792, .3196 })]
    public void A_blended_MLP_gives_the_worked_numbers(bool constant, double[] expected)
    {
        var graph = new Graph(ElementType.Fp64);
        var (x, mask) = (Tokens(graph), Mask(graph));
        var router = WorkedRouter(graph);
        var routing = (constant ? router with { Weight = null } : router).Weights(x, mask);
        var up = Layer("up", 3, [1, 0, 0, 1, 1, -1], [0, 0, .5f], [.5f, 0, 0, 0, 0, .5f, 0, -.5f, .5f, 0, 0, 0], [.1f, 0, 0, 0, -.1f, 0]);
        var down = Layer("down", 2, [1, 0, 1, 0, 1, -1], [.1f, -.1f], [0, .2f, 0, .2f, 0, 0, .1f, 0, 0, 0, .1f, 0], [0, .3f, .2f, 0]);
        using var runner = new GraphRunner(graph, down.Apply(up.Apply(x).Relu()));

        AssertClose(expected, runner.Run(("x", [1, 2, -1, .5], [2, 2]), ("mask", [1, 1], [1, 2]))[0]);

        BlendedLinear Layer(string name, int outputs, float[] weight, float[] bias, float[] weightExperts, float[] biasExperts) => new(
            new(graph.Weight($"{name}.weight", new([outputs, weight.Length / outputs], weight)), graph.Weight($"{name}.bias", new([outputs], bias))),
            graph.Weight($"{name}.weights", new([2, weight.Length], weightExperts)),
            graph.Weight($"{name}.biases", new([2, bias.Length], biasExperts)),
            routing);
    }

    [Fact]
    public void The_entropy_gives_the_worked_numbers()
    {
        var graph = new Graph();
        using var runner = new GraphRunner(graph, Losses.Entropy(graph.Weight("z", Matrix(4, 0, 0, 0, 0))), Losses.Entropy(graph.Weight("y", Matrix(3, 1, 0, 0))),
            Losses.BinaryEntropy(graph.Weight("x", Matrix(3, 0, 2, -1))));

        var outputs = runner.Run();

        Assert.Equal(1.38629, outputs[0][0], 1e-5);
        Assert.Equal(.97533, outputs[1][0], 1e-5);
        Assert.Equal(3 * .5469, outputs[2][0], 3e-4);
    }

    [Theory]
    [InlineData(0, new[] { 0, -.2f, .3f, -.4f, .5f })]
    [InlineData(.5, new[] { 0, 0, 0, -.4f, .5f })]
    [InlineData(.9, new[] { 0, 0, 0, 0, .5f })]
    [InlineData(1, new float[] { 0, 0, 0, 0, 0 })]
    public void Strict_quantile_pruning_gives_the_worked_numbers(double ratio, float[] expected) =>
        Assert.Equal(expected, Pruned([.1f, -.2f, .3f, -.4f, .5f], ratio, PruningRule.StrictQuantile));

    [Fact]
    public void Strict_quantiles_keep_what_the_formula_says_and_exact_pruning_the_share_asked_for()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            float[] values = [.. Enumerable.Range(0, random.Next(1, 400)).Select(_ => random.NextSingle() - .5f)];
            var ratio = random.Next(0, 101) / 100.0;
            var n = values.Length;
            Assert.True((n - 1) - (int)Math.Floor(ratio * (n - 1)) == Pruned(values, ratio, PruningRule.StrictQuantile).Count(v => v != 0), $"seed {seed}");
            Assert.True(n - (int)(ratio * n) == Pruned(values, ratio, PruningRule.IndexExact).Count(v => v != 0), $"seed {seed}");
        }
    }

    [Fact]
    public void Exact_pruning_keeps_the_share_asked_for_even_where_most_values_are_equal() =>
        Assert.Equal([1, 1, 1, 0, 0, 0], Pruned([1, 1, 1, 1, 1, 1], .5, PruningRule.IndexExact));

    static float[] Pruned(float[] values, double ratio, PruningRule rule)
    {
        var dense = new float[values.Length];
        TaskVector.Sparse(values, TaskVectorPruning.Kept(values, ratio, rule)).CopyTo(dense);
        return dense;
    }

    static Router WorkedRouter(Graph graph) => new(
        0, new(graph.Weight("w1", Matrix(2, 1, 0, 0, 1)), graph.Weight("b1", new([2], [0, 0]))), null,
        graph.Weight("w2", Matrix(2, .2f, -.1f, 0, .3f)), graph.Weight("b2", new([2], [.3f, .3f])));

    static Node Tokens(Graph graph) => graph.Input("x", [(Dimension)"batch" * "tokens", 2]);

    static Node Mask(Graph graph) => graph.Input("mask", ["batch", "tokens"]);

    static Tensor Matrix(int columns, params float[] values) => new([values.Length / columns, columns], values);

    static void AssertClose(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    static WeightEnsemblingEncoder Encoder(string method)
    {
        WeightEnsemblingMethod recipe = method == "wemoe" ? new WeightEnsembling() : new EfficientWeightEnsembling();
        var encoder = recipe.Untrained(TinyWemoe.Group, Work);
        return encoder with { Routers = TinyWemoe.Routers(method, encoder.Routers) };
    }

    static Node Logits(Graph graph, Node pooled)
    {
        var group = TinyWemoe.Group;
        var heads = StackedHeads.Of([.. group.Items.Select(item => item.Data.Item)], [.. group.Ids.Select(id => group.Models[id].Head)]);
        var items = graph.Input("item", ElementType.I64, ["batch"]);
        return graph.Weight("heads", heads.Weight).Gather(items).MatMul(pooled.Reshape(["batch", 32, 1])).Reshape(["batch", 3])
            + graph.Weight("biases", heads.Bias).Gather(items);
    }

    static (string, double[], long[])[] Batch()
    {
        const int tokens = 11;
        var rows = TinyWemoe.Responses.Length;
        double[] ids = [.. TinyWemoe.Responses.SelectMany(ids => ids.Select(id => (double)id).Concat(Enumerable.Repeat(0.0, tokens - ids.Length)))];
        double[] mask = [.. TinyWemoe.Responses.SelectMany(ids => Enumerable.Range(0, tokens).Select(i => i < ids.Length ? 1.0 : 0))];
        double[] items = [.. TinyWemoe.Items.Select(item => (double)item)];
        return [(EncoderGraph.IdsInput, ids, [rows, tokens]), (EncoderGraph.MaskInput, mask, [rows, tokens]), ("item", items, [rows])];
    }

    static void AssertRelative(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / scale;
        Assert.True(worst <= tolerance, $"{what}: off by {worst:g3} of the largest value");
    }
}
