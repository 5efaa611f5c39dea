using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Training;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

public sealed class DareTests
{
    const int Many = 100_000;

    [Fact]
    public void Dropping_nothing_leaves_the_method_that_merges()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            var ties = new Ties { Density = .3, Scope = TrimScope.Model, Merge = DisjointMerge.Sum };

            AssertClose(Merged(new TaskArithmetic { Lambda = .4 }), Merged(new Dare { Drop = 0, Lambda = .4 }), 1e-6f, seed);
            AssertClose(Merged(ties), Merged(new DareTies { Drop = 0, Density = .3, Lambda = 1 }), 1e-6f, seed);

            IReadOnlyDictionary<string, Tensor> Merged(StaticMethod method) => Merge.Combine(method, start, group, models);
        }
    }

    [Theory]
    [InlineData(.2)]
    [InlineData(.5)]
    [InlineData(.9)]
    public void A_value_is_dropped_with_its_probability_and_the_mean_is_kept(double drop)
    {
        var left = Merged(new Dare { Drop = drop, Lambda = 1 }, ("a", Ones()), ("b", new float[Many]));

        var rescaled = (float)(1 / (1 - drop));
        Assert.All(left, value => Assert.True(value == 0 || Math.Abs(value - rescaled) < 1e-5f, $"{value}"));
        Assert.Equal(1 - drop, left.Count(value => value != 0) / (double)Many, .005);
        Assert.Equal(1, left.Average(), .05);
    }

    [Fact]
    public void Items_draw_independently()
    {
        var merged = Merged(new Dare { Drop = .5, Lambda = 1 }, ("a", Ones()), ("b", Ones()));

        Assert.Equal([.25, .5, .25], new[] { 0f, 2f, 4f }.Select(sum => Math.Round(merged.Count(value => value == sum) / (double)Many, 2)));
    }

    [Fact]
    public void Tensors_and_seeds_draw_independently()
    {
        var (start, tasks) = (Two(new float[Many]), ById(Model("a", Two(Ones())), Model("b", Two(new float[Many]))));
        var merged = Merge.Combine(new Dare { Lambda = 1 }, start, ["a", "b"], tasks);
        var reseeded = Merge.Combine(new Dare { Lambda = 1, Seed = 1 }, start, ["a", "b"], tasks);

        Assert.Equal(.5, Agreement(merged["v"].Values, merged["w"].Values), .01);
        Assert.Equal(.5, Agreement(merged["w"].Values, reseeded["w"].Values), .01);

        static Dictionary<string, Tensor> Two(float[] values) => new() { ["v"] = Vector(values), ["w"] = Vector(values) };
        static double Agreement(float[] left, float[] right) => left.Zip(right).Count(pair => pair.First == pair.Second) / (double)Many;
    }

    [Fact]
    public void What_an_item_drops_does_not_depend_on_the_rest_of_the_group()
    {
        var method = new Dare { Lambda = 1 };

        Assert.Equal(
            Merged(method, ("a", Ones()), ("b", new float[Many])),
            Merged(method, ("c", new float[Many]), ("b", new float[Many]), ("a", Ones())));
    }

    /// <summary>Computed apart: SplitMix64 from the first eight bytes of SHA-256 over seed, item and tensor.</summary>
    [Theory]
    [InlineData(0, new float[] { 2, 2, 2, 2, 2, 2, 0, 0, 2, 2, 2, 0 })]
    [InlineData(1, new float[] { 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0 })]
    public void A_seed_drops_the_same_values_everywhere(int seed, float[] expected) =>
        Assert.Equal(expected, Merged(new Dare { Lambda = 1, Seed = seed }, ("a", Ones(expected.Length)), ("b", new float[expected.Length])));

    static float[] Ones(int length = Many) => [.. Enumerable.Repeat(1f, length)];

    /// <summary>The result for task vectors relative to zero.</summary>
    static float[] Merged(StaticMethod method, params (string Item, float[] Values)[] tasks)
    {
        ItemModel[] models = [.. tasks.Select(task => Model(task.Item, Encoder(task.Values)))];
        return Merge.Combine(method, Encoder(new float[tasks[0].Values.Length]), [.. tasks.Select(task => task.Item)], ById(models))["w"].Values;
    }
}
