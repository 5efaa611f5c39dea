using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Torch;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

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
        using var runner = new GraphRunner(graph, [pooled, TinyWemoe.Logits(graph, pooled), .. routing]);

        var outputs = runner.Run(TinyWemoe.Inputs);

        TinyWemoe.AssertRelative(TinyWemoe.Values($"{method}.pooled"), outputs[0], 1e-5, "pooled");
        TinyWemoe.AssertRelative(TinyWemoe.Values($"{method}.logits"), outputs[1], 1e-5, "logits");
        TinyWemoe.AssertRelative(TinyWemoe.Values($"{method}.routing"), [.. outputs[2..].SelectMany(layer => layer)], 1e-5, "routing");
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void The_entropy_and_its_gradients_are_PyTorchs(string method)
    {
        var encoder = Encoder(method);
        string[] routers = [.. encoder.Routers.Keys];

        var (entropy, gradients) = TinyWemoe.EntropyOf(encoder, routers);

        TinyWemoe.AssertRelative(TinyWemoe.Values($"{method}.entropy"), [entropy], 1e-5, "entropy");
        foreach (var (name, gradient) in routers.Zip(gradients))
            TinyWemoe.AssertRelative(TinyWemoe.Values(TinyWemoe.GoldenName(method, ".grad", name)), gradient, 1e-5, name);
    }

    [Theory]
    [MemberData(nameof(Golden))]
    public void Joint_training_sees_the_same_entropy(string method)
    {
        var encoder = Encoder(method);
        var group = TinyWemoe.Group;
        var heads = StackedHeads.Of([.. group.Items.Select(item => item.Data.Item)], [.. group.Ids.Select(id => group.Models[id].Head)]);
        var rates = encoder.Routers.Keys.ToDictionary(name => name, _ => 1e-3f);
        using var trainer = new EncoderTrainer(
            encoder, rates, heads, null, new() { Entropy = 1 }, new(WeightDecay: 0), threads: 2, CancellationToken.None);
        TrainingExample[] rows = [.. TinyWemoe.Responses.Zip(TinyWemoe.Items, (ids, item) => new TrainingExample(ids, item))];

        var before = trainer.Step(rows, 1).Loss;
        var after = trainer.Step(rows, 1).Loss;

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

    // Algorithm brief §2.7: the second response's tokens are [0,−1] and [2,1].
    [Fact]
    public void Every_response_of_a_batch_has_its_own_weights()
    {
        var graph = new Graph();
        using var runner = new GraphRunner(graph, WorkedRouter(graph).Weights(Tokens(graph), Mask(graph)));

        AssertClose([.275, .675, .45, .45], runner.Run(("x", [1, 2, -1, .5, 0, -1, 2, 1], [4, 2]), ("mask", [1, 1, 1, 1], [2, 2]))[0]);
    }

    // Algorithm brief §2.7: W₁ of the blended MLP.
    [Fact]
    public void Blended_weights_are_the_worked_ones()
    {
        var graph = new Graph();
        var (shared, experts) = (graph.Weight("shared", Matrix(2, 1, 0, 0, 1, 1, -1)),
            graph.Weight("experts", Matrix(6, .5f, 0, 0, 0, 0, .5f, 0, -.5f, .5f, 0, 0, 0)));
        using var runner = new GraphRunner(graph, BlendedLinear.Blend(graph.Weight("w", Matrix(2, .275f, .675f)), shared, experts));

        AssertClose([1.1375, -.3375, .3375, 1, 1, -.8625], runner.Run()[0]);
    }

    // Algorithm brief §2.7: the activation there is relu, so the two linear layers are put together here.
    [Theory]
    [InlineData(false, new[] { .882925, 2.432675, .240225, .0839125 })]
    [InlineData(true, new[] { 1.1936, 2.2264, .1792, .3196 })]
    public void A_blended_MLP_gives_the_worked_numbers(bool constant, double[] expected)
    {
        var graph = new Graph();
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
        using var scope = Libtorch.Scope();

        Assert.Equal(1.38629, Losses.Entropy(TorchMemory.Copy([0f, 0, 0, 0], 1, 4)).Floats()[0], 1e-5);
        Assert.Equal(.97533, Losses.Entropy(TorchMemory.Copy([1f, 0, 0], 1, 3)).Floats()[0], 1e-5);
        Assert.Equal(3 * .5469, Losses.BinaryEntropy(TorchMemory.Copy([0f, 2, -1], 1, 3)).Floats()[0], 3e-4);
    }

    // Algorithm brief §2.7.
    [Theory]
    [InlineData(0, CriticalModules.Mlp)]
    [InlineData(2, CriticalModules.Mlp)]
    [InlineData(1, CriticalModules.Attention)]
    [InlineData(2, CriticalModules.Both)]
    public void Routers_that_give_a_constant_make_task_arithmetic(int depth, CriticalModules critical)
    {
        var recipe = new WeightEnsembling { RouterDepth = depth, Critical = critical, Lambda = .2, SharedLambda = .2, RouterDeviation = 1 };
        var encoder = recipe.Untrained(TinyWemoe.Group, Work);
        var constant = encoder with { Routers = encoder.Routers.ToDictionary(
            tensor => tensor.Key, tensor => tensor.Key.EndsWith(".1.weight", StringComparison.Ordinal) ? tensor.Value.Zeros() : tensor.Value) };

        AssertSameVectors(new TaskArithmetic { Lambda = .2 }.MakeEncoder(TinyWemoe.Group, Work), constant);
    }

    [Fact]
    public void Random_routers_do_not_make_task_arithmetic()
    {
        var routed = new WeightEnsembling { RouterDeviation = 1 }.Untrained(TinyWemoe.Group, Work);
        var (expected, actual) = (TinyGroup.Encode(new TaskArithmetic().MakeEncoder(TinyWemoe.Group, Work), Mixed), TinyGroup.Encode(routed, Mixed));
        Assert.All(expected.Zip(actual), row => Assert.True(row.First.Zip(row.Second, (a, b) => Math.Abs(a - b)).Max() > .01f));
    }

    // Algorithm brief §2.7: T = 1.
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void An_expert_alone_is_its_model_with_weight_one_and_has_the_bases_MLP_with_weight_zero(double weight)
    {
        var alone = TinyWemoe.Group with { Items = TinyWemoe.Group.Items[1..2] };
        var own = alone.Models[alone.Ids[0]].Encoder;
        var expected = weight == 1 ? own
            : own.ToDictionary(tensor => tensor.Key, tensor => IsMlp(tensor.Key) ? alone.Base.Encoder[tensor.Key] : tensor.Value);

        var encoder = new WeightEnsembling { RouterDepth = 0, Lambda = weight }.Untrained(alone, Work);

        AssertSameVectors(new StaticEncoder(TinyBert.Config, expected), encoder);
    }

    [Fact]
    public void A_router_that_gives_one_expert_everything_has_that_experts_MLP()
    {
        var shared = new TaskArithmetic().MakeEncoder(TinyWemoe.Group, Work).Shared;
        var encoder = new WeightEnsembling { RouterDepth = 0 }.Untrained(TinyWemoe.Group, Work);
        for (var expert = 0; expert < 3; expert++)
        {
            var own = TinyWemoe.Group.Models[TinyWemoe.Group.Ids[expert]].Encoder;
            var oneHot = new Tensor([3], [.. Enumerable.Range(0, 3).Select(other => other == expert ? 1f : 0)]);

            AssertSameVectors(
                new StaticEncoder(TinyBert.Config,
                    shared.ToDictionary(tensor => tensor.Key, tensor => IsMlp(tensor.Key) ? own[tensor.Key] : tensor.Value)),
                encoder with { Routers = encoder.Routers.ToDictionary(tensor => tensor.Key, _ => oneHot) });
        }
    }

    [Fact]
    public void Responses_in_another_order_get_the_same_vectors_in_that_order()
    {
        var encoder = new WeightEnsembling { RouterDeviation = 1 }.Untrained(TinyWemoe.Group, Work);
        for (var seed = 0; seed < 5; seed++)
        {
            int[] order = [.. Enumerable.Range(0, Mixed.Length)];
            new Random(seed).Shuffle(order);
            TinyGroup.AssertClose(
                [.. order.Select(row => TinyGroup.Encode(encoder, Mixed)[row])], TinyGroup.Encode(encoder, [.. order.Select(row => Mixed[row])]),
                    1e-6f, $"seed {seed}");
        }
    }

    // Algorithm brief §2.7.
    [Theory]
    [InlineData("wemoe")]
    [InlineData("e-wemoe")]
    public void Adaptation_moves_the_routers_and_leaves_every_other_bit(string name)
    {
        var recipe = (WeightEnsemblingMethod)EveryMethod.Parse(new { name, steps = 3 });
        var before = recipe.Untrained(TinyWemoe.Group, Work);

        var after = recipe.MakeEncoder(TinyWemoe.Group, Work);

        Assert.All(before.Shared, tensor => Assert.Equal(tensor.Value.Values, after.Shared[tensor.Key].Values));
        Assert.All(before.TaskVectors, tensor =>
            Assert.Equal(tensor.Value.Select(expert => expert.Values), after.TaskVectors[tensor.Key].Select(expert => expert.Values)));
        Assert.Equal(before.Additional.Keys.Order(), after.Additional.Keys.Order());
        Assert.All(before.Additional, router => Assert.NotEqual(router.Value.Values, after.Additional[router.Key].Values));
    }

    static readonly EncoderInput[] Mixed = [.. TinyWemoe.Responses.Select(ids => new EncoderInput(ids))];

    static void AssertSameVectors(EncoderModel expected, EncoderModel actual) =>
        TinyGroup.AssertClose(TinyGroup.Encode(expected, Mixed), TinyGroup.Encode(actual, Mixed), 1e-5f);

    static bool IsMlp(string tensor) => tensor.Contains("intermediate.dense", StringComparison.Ordinal)
        || (tensor.Contains("output.dense", StringComparison.Ordinal) && !tensor.Contains("attention", StringComparison.Ordinal));

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
}
