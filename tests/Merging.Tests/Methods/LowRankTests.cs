using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

public sealed class LowRankTests
{
    const int FullRank = 1024;

    /// <summary>Experts that differ from the base in linear layers only: all that low-rank experts can keep.</summary>
    static readonly MergeGroup Linears = Only(name =>
        name.StartsWith("encoder.", StringComparison.Ordinal) && !name.Contains("LayerNorm", StringComparison.Ordinal));

    static readonly MergeGroup Mlps = Only(name =>
        !name.Contains("attention", StringComparison.Ordinal) && !name.Contains("LayerNorm", StringComparison.Ordinal)
            && name.StartsWith("encoder.", StringComparison.Ordinal));

    // Algorithm brief §7: A = B = e₁ and A = B = e₂, half of each. The product of the means would be .25 everywhere.
    [Fact]
    public void The_mean_of_products_is_not_the_product_of_means() => Assert.Equal([[.5, 0], [0, .5]], Applied(.5f, .5f));

    [Fact]
    public void All_the_weight_on_one_expert_is_that_expert()
    {
        Assert.Equal([[1, 0], [0, 0]], Applied(1, 0));
        Assert.Equal([[0, 0], [0, 1]], Applied(0, 1));
        Assert.Equal([[0, 0], [0, 0]], Applied(0, 0));
    }

    [Theory]
    [InlineData(SharedEncoder.Base, LowRankFit.Weights)]
    [InlineData(SharedEncoder.SimpleAverage, LowRankFit.Outputs)]
    public void At_full_rank_every_item_has_its_own_model(SharedEncoder shared, LowRankFit fit)
    {
        var encoder = new LowRank { Rank = FullRank, Shared = shared, Fit = fit, Samples = 24 }.MakeEncoder(Linears, Work);

        var mixed = Encode(encoder, Mixed(Linears));

        foreach (var (expert, id) in Linears.Ids.Index())
        {
            var own = Encode(new StaticEncoder(Linears.Config, Linears.Models[id].Encoder), Mixed(Linears));
            AssertClose(Of(own), Of(mixed), 2e-5f, id);

            float[][] Of(float[][] vectors) => [.. vectors.Where((_, row) => row % Linears.Ids.Length == expert)];
        }
    }

    [Fact]
    public void A_constant_router_that_weighs_all_alike_makes_the_average()
    {
        var encoder = new LowRank { Rank = FullRank, Fit = LowRankFit.Weights, Selection = ExpertSelection.Router, RouterDepth = 0,
            Steps = 0 }.MakeEncoder(Mlps, Work);

        AssertClose(Encode(new SimpleAverage().MakeEncoder(Mlps, Work), Mixed(Mlps)), Encode(encoder, Mixed(Mlps)), 1e-5f);
    }

    [Fact]
    public void Adaptation_moves_the_routers_and_leaves_the_experts()
    {
        var recipe = new LowRank { Rank = 4, Fit = LowRankFit.Weights, Selection = ExpertSelection.Router, Steps = 0, BatchSize = 4,
            LearningRate = .05 };
        var (before, after) = (recipe.MakeEncoder(Mlps, Work), (recipe with { Steps = 3 }).MakeEncoder(Mlps, Work));

        Assert.Equal(before.Additional.Keys, after.Additional.Keys);
        Assert.All(before.Additional, tensor => Assert.Equal(!tensor.Key.StartsWith("router", StringComparison.Ordinal),
            tensor.Value.Values.AsSpan().SequenceEqual(after.Additional[tensor.Key].Values)));
    }

    [Fact]
    public void Directions_come_nearer_to_the_items_models_the_more_there_are()
    {
        float[] errors = [.. new[] { 1, 4, 16, FullRank }.Select(rank => Error(rank, LowRankFit.Weights))];
        Assert.Equal(errors.OrderDescending(), errors);
        Assert.True(errors[^1] < 1e-4f * errors[0], string.Join(", ", errors));
    }

    [Fact]
    public void Of_the_items_responses_a_fit_to_outputs_loses_less_than_a_fit_to_weights()
    {
        var (outputs, weights) = (Error(2, LowRankFit.Outputs), Error(2, LowRankFit.Weights));
        Assert.True(outputs < weights, $"{outputs} of outputs, {weights} of weights");
    }

    [Fact]
    public void Parameters_are_the_shared_encoders_and_per_item_two_factors_and_the_biases()
    {
        const int d = 32, m = 64, rank = 4;
        var encoder = new LowRank { Rank = rank, Fit = LowRankFit.Weights }.MakeEncoder(Linears, Work);

        var perLayer = (4 * ((rank * 2 * d) + d)) + (rank * 2 * (d + m)) + d + m;
        Assert.Equal(Linears.Base.Encoder.Values.Sum(tensor => tensor.Length) + (3 * 2 * perLayer), encoder.Parameters);
    }

    /// <summary>What y = Σᵢ wᵢ BᵢAᵢx makes of the two unit vectors.</summary>
    static double[][] Applied(float first, float second)
    {
        var graph = new Graph();
        Node Weight(string name, params float[] values) => graph.Weight(name, new Tensor([2, 2], values));
        var shared = new Linear(Weight("w", 0, 0, 0, 0), graph.Weight("b", new Tensor([2], [0, 0])));
        var layer = new LowRankLinear(shared, Weight("inner", 1, 0, 0, 1), Weight("outer", 1, 0, 0, 1), Weight("biases", 0, 0, 0, 0),
            graph.Input("routing", ["batch", 2]));
        using var runner = new GraphRunner(graph, layer.Apply(graph.Input("x", ["batch", "tokens", 2]).Reshape([(Dimension)"batch" * "tokens", 2])));
        return [.. runner.Run(("x", [1, 0, 0, 1], [1, 2, 2]), ("routing", [first, second], [1, 2]))[0].Chunk(2)];
    }

    /// <summary>Mean squared distance between the vectors that items' responses get and those of the items' own models.</summary>
    static float Error(int rank, LowRankFit fit)
    {
        var encoder = new LowRank { Rank = rank, Fit = fit, Samples = 24 }.MakeEncoder(Linears, Work);
        return Linears.Items.Index().Average(entry =>
        {
            EncoderInput[] responses = [.. entry.Item.Train.Select(ids => new EncoderInput(ids, entry.Index))];
            var own = Encode(new StaticEncoder(Linears.Config, Linears.Models[entry.Item.Id].Encoder), responses);
            return own.Zip(Encode(encoder, responses), (left, right) => left.Zip(right, (a, b) => (a - b) * (a - b)).Average()).Average();
        });
    }

    static MergeGroup Only(Func<string, bool> changed)
    {
        var group = Group("a", "b", "c");
        return group with
        {
            Models = group.Models.ToDictionary(model => model.Key, model => model.Value with
            {
                Encoder = model.Value.Encoder.ToDictionary(tensor => tensor.Key, tensor =>
                    changed(tensor.Key) ? tensor.Value : group.Base.Encoder[tensor.Key]),
            }),
        };
    }
}
