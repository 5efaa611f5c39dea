using System.Collections.Immutable;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>E-WEMoE's pruning and shared router (algorithm brief §3.4).</summary>
public sealed class EfficientWeightEnsemblingTests
{
    static readonly EncoderInput[] Responses = [.. TinyWemoe.Responses.Select(ids => new EncoderInput(ids))];

    // Algorithm brief §3.1.
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
            Assert.True((n - 1) - (int)Math.Floor(ratio * (n - 1)) == Pruned(values, ratio, PruningRule.StrictQuantile).Count(v => v != 0),
                $"seed {seed}");
            Assert.True(n - (int)(ratio * n) == Pruned(values, ratio, PruningRule.IndexExact).Count(v => v != 0), $"seed {seed}");
        }
    }

    [Fact]
    public void Exact_pruning_keeps_the_share_asked_for_even_where_most_values_are_equal() =>
        Assert.Equal([1, 1, 1, 0, 0, 0], Pruned([1, 1, 1, 1, 1, 1], .5, PruningRule.IndexExact));

    [Fact]
    public void Pruned_by_nothing_it_is_WEMoE_with_a_shared_router()
    {
        var efficient = Untrained(new() { Prune = 0, Pruning = PruningRule.IndexExact });
        var shared = new WeightEnsembling().Untrained(TinyWemoe.Group, Work) with { Layout = efficient.Layout, Routers = efficient.Routers };

        AssertClose(Encode(shared, Responses), Encode(efficient, Responses), 0);
    }

    [Fact]
    public void A_strict_quantile_of_nothing_still_takes_the_smallest_value_of_each_tensor()
    {
        var dense = new WeightEnsembling().Untrained(TinyWemoe.Group, Work).TaskVectors;

        foreach (var (tensor, experts) in Untrained(new() { Prune = 0 }).TaskVectors)
        {
            foreach (var (pruned, whole) in experts.Zip(dense[tensor]))
            {
                var values = Dense(pruned);
                var lost = Enumerable.Range(0, whole.Length).Where(i => values[i] != whole.Values[i]).ToArray();
                Assert.Equal(whole.Values.Min(Math.Abs), Math.Abs(whole.Values[Assert.Single(lost)]));
            }
        }
    }

    [Fact]
    public void Pruned_wholly_the_MLP_is_the_bases_whatever_the_router_says()
    {
        var pruned = Untrained(new() { Prune = 1, RouterDeviation = 1 });
        var (shared, critical) = (new TaskArithmetic().MakeEncoder(TinyWemoe.Group, Work).Shared, pruned.TaskVectors.Keys);
        var expected = shared.ToDictionary(
            tensor => tensor.Key, tensor => critical.Contains(tensor.Key) ? TinyWemoe.Group.Base.Encoder[tensor.Key] : tensor.Value);

        AssertClose(Encode(new StaticEncoder(TinyBert.Config, expected), Responses), Encode(pruned, Responses), 1e-5f);
        AssertClose(Encode(pruned, Responses), Encode(Untrained(new() { Prune = 1, RouterDeviation = .5, Seed = 9, Lambda = 2 }), Responses), 1e-5f);
    }

    [Fact]
    public void Stored_sparsely_a_task_vector_is_the_masked_dense_one()
    {
        foreach (var prune in new[] { .3, .9, .99 })
        {
            var sparse = Untrained(new() { Prune = prune, RouterDeviation = 1 });
            var dense = new WeightEnsemblingEncoder(
                sparse.Config, sparse.Shared,
                sparse.TaskVectors.ToDictionary(tensor => tensor.Key, tensor =>
                    tensor.Value.Select(expert => TaskVector.Dense(Dense(expert))).ToImmutableArray()),
                sparse.Layout, sparse.Routers);

            AssertClose(Encode(dense, Responses), Encode(sparse, Responses), 1e-6f, $"{prune}");
        }
    }

    // base + kept values + d² + d + dT + T; strict quantiles keep (n−1) − ⌊ρ(n−1)⌋ of n (algorithm brief §3.2 and §3.4).
    [Fact]
    public void Parameters_are_the_base_what_pruning_keeps_and_one_router()
    {
        const int d = 32, T = 3;
        var encoder = Untrained(new());
        var kept = encoder.TaskVectors.Keys.Sum(tensor => T * Kept(encoder.Shared[tensor].Length));

        Assert.Equal((d * d) + d + (d * T) + T, encoder.Routers.Values.Sum(tensor => tensor.Length));
        Assert.Equal(encoder.Shared.Values.Sum(tensor => tensor.Length) + kept + (d * d) + d + (d * T) + T, encoder.Parameters);

        static int Kept(int n) => n - 1 - (int)Math.Floor(.9 * (n - 1));
    }

    [Fact]
    public void The_shared_routers_gradient_is_the_sum_over_the_layers()
    {
        var shared = Untrained(new() { RouterDeviation = .3 });
        var layout = new RouterLayout(2);
        var routers = layout.Shapes(TinyBert.Config, 3, [(0, RoutedModule.Mlp), (1, RoutedModule.Mlp)]).Keys
            .ToDictionary(name => name, name => shared.Routers[$"router{name[name.IndexOf('.', "router.".Length)..]}"]);
        var layered = shared with { Layout = layout, Routers = routers };

        var (ofShared, ofLayers) = (EntropyGradients(shared), EntropyGradients(layered));

        foreach (var (name, gradient) in ofShared)
        {
            var part = name["router".Length..];
            TinyWemoe.AssertRelative([.. ofLayers[$"router.0{part}"].Zip(ofLayers[$"router.1{part}"], (a, b) => a + b)], gradient, 1e-4, name);
        }
    }

    static Dictionary<string, double[]> EntropyGradients(WeightEnsemblingEncoder encoder)
    {
        string[] routers = [.. encoder.Routers.Keys];
        return routers.Zip(TinyWemoe.EntropyOf(encoder, routers).Gradients).ToDictionary();
    }

    static WeightEnsemblingEncoder Untrained(EfficientWeightEnsembling recipe) => recipe.Untrained(TinyWemoe.Group, Work);

    static float[] Pruned(float[] values, double ratio, PruningRule rule) =>
        Dense(TaskVector.Sparse(values, TaskVectorPruning.Kept(values, ratio, rule)));

    static float[] Dense(TaskVector taskVector)
    {
        var dense = new float[taskVector.Length];
        taskVector.CopyTo(dense);
        return dense;
    }
}
