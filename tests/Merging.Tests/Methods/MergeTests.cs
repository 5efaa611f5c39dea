using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Training;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

public sealed class MergeTests
{
    public static TheoryData<StaticMethod> Methods => [new SimpleAverage(), new TaskArithmetic(), new Ties(), new Ties { Density = 1, Lambda = .5 }];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_group_of_one_keeps_its_encoder_bit_for_bit(StaticMethod method)
    {
        var model = Model("a", Encoder(1, 2, 3));
        Assert.Same(model.Encoder, Merge.Combine(method, Encoder(0, 0, 0), ["a"], ById(model)));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_tensor_nobody_changed_stays_the_bases_bit_for_bit(StaticMethod method)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            Assert.True(ReferenceEquals(start["frozen"], Merge.Combine(method, start, group, models)["frozen"]), $"seed {seed}");
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Models_equal_to_the_reference_merge_to_it(StaticMethod method)
    {
        var start = Encoder(.1f, -.2f, .3f);
        var copies = ById(Model("a", Encoder(.1f, -.2f, .3f)), Model("b", Encoder(.1f, -.2f, .3f)), Model("c", Encoder(.1f, -.2f, .3f)));

        Assert.Same(start["w"], Merge.Combine(method, start, ["a", "b", "c"], copies)["w"]);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_order_of_the_items_does_not_matter(StaticMethod method)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            AssertClose(Merge.Combine(method, start, group, models), Merge.Combine(method, start, [.. group.Reverse()], models), 1e-6f, seed);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_same_merge_gives_the_same_bits(StaticMethod method)
    {
        var (start, models, group) = Models.Random(new Random(5));
        AssertClose(Merge.Combine(method, start, group, models), Merge.Combine(method, start, group, models), tolerance: 0, seed: 5);
    }

    [Fact]
    public void Averaging_is_task_arithmetic_with_one_over_the_number_of_models()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            var arithmetic = Merge.Combine(new TaskArithmetic { Lambda = 1.0 / group.Length }, start, group, models);
            AssertClose(arithmetic, Merge.Combine(new SimpleAverage(), start, group, models), 1e-6f, seed);
        }
    }

    [Fact]
    public void Averaging_and_dense_TIES_return_the_model_that_all_items_share()
    {
        var models = ById(Model("a", Encoder(1, -2, 3)), Model("b", Encoder(1, -2, 3)));

        foreach (var method in new StaticMethod[] { new SimpleAverage(), new Ties { Density = 1 }, new TaskArithmetic { Lambda = .5 } })
            Assert.Equal([1, -2, 3], Merge.Combine(method, Encoder(.5f, .25f, 0), ["a", "b"], models)["w"].Values);
    }

    [Fact]
    public void Task_arithmetic_gives_the_worked_numbers()
    {
        var models = ById(Model("a", Encoder(1.5f, 1, 3, 6)), Model("b", Encoder(.5f, 1.5f, 4, 5)));

        var merged = Merge.Combine(new TaskArithmetic { Lambda = .3 }, Encoder(1, 2, 3, 4), ["a", "b"], models)["w"].Values;

        AssertClose([1, 1.55f, 3.3f, 4.9f], merged);
    }

    [Fact]
    public void Task_vectors_twice_as_long_with_half_the_scale_give_the_same_model()
    {
        var once = ById(Model("a", Encoder(1, 2)), Model("b", Encoder(-3, 1)));
        var twice = ById(Model("a", Encoder(2, 4)), Model("b", Encoder(-6, 2)));

        Assert.Equal(
            Merge.Combine(new TaskArithmetic { Lambda = .8 }, Encoder(0, 0), ["a", "b"], once)["w"].Values,
            Merge.Combine(new TaskArithmetic { Lambda = .4 }, Encoder(0, 0), ["a", "b"], twice)["w"].Values);
    }

    /// <summary>GW-SMM's operator, worked by hand with k = 0.4, λ = 0.5.</summary>
    [Fact]
    public void TIES_gives_the_worked_numbers()
    {
        var models = ById(
            Model("1", Encoder(.9f, -.1f, .2f, -.8f, .05f)),
            Model("2", Encoder(-.3f, .7f, .25f, -.6f, .02f)),
            Model("3", Encoder(.4f, .6f, -.5f, .1f, -.01f)));

        var merged = Merge.Combine(new Ties { Density = .4, Lambda = .5 }, Encoder(0, 0, 0, 0, 0), ["1", "2", "3"], models)["w"].Values;

        AssertClose([.45f, .325f, -.25f, -.35f, 0], merged);
    }

    [Fact]
    public void TIES_matches_its_definition_for_any_density()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var (start, models, group) = Models.Random(random);
            var method = new Ties { Density = 1 - random.NextDouble(), Lambda = random.NextDouble() };
            var merged = Merge.Combine(method, start, group, models)["a"].Values;

            var reference = start["a"].Values;
            var trimmed = group.Select(id => Trim([.. models[id].Encoder["a"].Values.Zip(reference, (w, w0) => w - w0)], method.Density)).ToArray();
            for (var i = 0; i < merged.Length; i++)
            {
                var elected = Math.Sign(trimmed.Sum(task => (double)task[i]));
                var agreeing = trimmed.Select(task => task[i]).Where(value => Math.Sign(value) == elected).DefaultIfEmpty().Average();
                Assert.True(Math.Abs(merged[i] - (reference[i] + (method.Lambda * agreeing))) < 1e-6, $"seed {seed}, value {i}");
            }
        }

        static float[] Trim(float[] change, double density)
        {
            var threshold = change.Select(Math.Abs).OrderDescending().ElementAt((int)Math.Max(1, Math.Ceiling(density * change.Length)) - 1);
            return [.. change.Select(value => Math.Abs(value) < threshold ? 0 : value)];
        }
    }

    [Fact]
    public void Without_scale_the_reference_remains()
    {
        var models = ById(Model("a", Encoder(3, 1)), Model("b", Encoder(5, 2)), Model("elsewhere", Encoder(7, 8)));

        float[] Merged(string reference) =>
            Merge.Combine(new Ties { Lambda = 0, Reference = reference }, Encoder(1, 0), ["b", "a"], models)["w"].Values;

        Assert.Equal([1, 0], Merged("base"));
        Assert.Equal([5, 2], Merged("first-of-group"));
        Assert.Equal([7, 8], Merged("elsewhere"));
    }

    [Fact]
    public void A_shape_that_differs_is_refused_by_tensor_item_and_shapes()
    {
        var error = Refusal(new SimpleAverage(), ["a", "b"], Model("a", Encoder(1, 2)), Model("b", Encoder(1, 2, 3)));

        Assert.Equal(
            "w in item model 'b' is [3]; the base model has [2]. Train or import 'b' from the same base, or leave it out of itemIds.", error);
    }

    [Fact]
    public void Tensors_missing_or_additional_are_refused_by_name()
    {
        var additional = new Dictionary<string, Tensor>(Encoder(1, 2)) { ["v"] = Vector(1) };

        var (good, poor) = (Model("a", Encoder(1, 2)), Model("b", new Dictionary<string, Tensor>()));

        AssertRefused("lacks w", new Ties(), ["a", "b"], good, poor);
        AssertRefused("has v", new Ties(), ["a", "b"], good, Model("b", additional));
        AssertRefused("'c' has no model", new Ties(), ["a", "c"], good);
        AssertRefused("'x' has no model", new Ties { Reference = "x" }, ["a", "b"], good, Model("b", Encoder(1, 2)));
    }

    static void AssertRefused(string reason, StaticMethod method, ImmutableArray<string> group, params ItemModel[] models) =>
        Assert.Contains(reason, Refusal(method, group, models), StringComparison.Ordinal);

    static string Refusal(StaticMethod method, ImmutableArray<string> group, params ItemModel[] models) =>
        Assert.Throws<MergeException>(() => Merge.Combine(method, Encoder(0, 0), group, ById(models))).Message;

    static void AssertClose(float[] expected, float[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));

    static void AssertClose(IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, float tolerance, int seed)
    {
        foreach (var (name, tensor) in expected)
            Assert.True(tensor.Values.Zip(actual[name].Values).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance), $"seed {seed}, {name}");
    }
}
