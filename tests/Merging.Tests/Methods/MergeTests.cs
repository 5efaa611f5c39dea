using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Training;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

public sealed class MergeTests
{
    public static TheoryData<StaticMethod> Methods =>
    [
        .. MethodCatalog.Methods.Select(method => MethodCatalog.Parse(JsonSerializer.SerializeToElement(new { name = method.Name }), out _)!).OfType<StaticMethod>(),
        new Ties { Density = 1, Lambda = .5 },
        new Ties { Scope = TrimScope.Model },
        new Ties { Scope = TrimScope.Model, Merge = DisjointMerge.Sum },
        new Ties { Merge = DisjointMerge.Max },
        new Dare { Drop = .9, Seed = 3 },
        new DareTies { Scope = TrimScope.Tensor, Merge = DisjointMerge.Mean },
        new Awd { Beta = .001, Iterations = 20 },
    ];

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
    public void Methods_whose_scales_sum_to_one_return_the_model_that_all_items_share()
    {
        var models = ById(Model("a", Encoder(1, -2, 3)), Model("b", Encoder(1, -2, 3)));
        StaticMethod[] methods =
        [
            new SimpleAverage(),
            new TaskArithmetic { Lambda = .5 },
            new Ties { Density = 1 },
            new Ties { Density = 1, Scope = TrimScope.Model },
            new Ties { Density = 1, Merge = DisjointMerge.Max },
            new Ties { Density = 1, Merge = DisjointMerge.Sum, Lambda = .5 },
            new Dare { Drop = 0, Lambda = .5 },
            new DareTies { Drop = 0, Density = 1, Lambda = .5 },
            new Awd { Lambda = .5 },
        ];

        foreach (var method in methods)
            AssertClose([1, -2, 3], Merge.Combine(method, Encoder(.5f, .25f, 0), ["a", "b"], models)["w"].Values);
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
        Func<double, StaticMethod>[] methods =
        [
            scale => new TaskArithmetic { Lambda = scale },
            scale => new Ties { Lambda = scale },
            scale => new Ties { Lambda = scale, Merge = DisjointMerge.Sum },
            scale => new Ties { Lambda = scale, Merge = DisjointMerge.Max, Scope = TrimScope.Model },
            scale => new Dare { Lambda = scale },
            scale => new DareTies { Lambda = scale },
        ];
        for (var seed = 0; seed < 20; seed++)
        {
            var (start, models, group) = Models.Random(new Random(seed));
            var origin = start.ToDictionary(tensor => tensor.Key, tensor => tensor.Value.Zeros());
            var twice = ById([.. models.Values.Select(model => Model(model.Item.Id, Doubled(model.Encoder)))]);
            foreach (var method in methods)
                AssertClose(Merge.Combine(method(.8), origin, group, models), Merge.Combine(method(.4), origin, group, twice), 1e-6f, seed);
        }

        static Dictionary<string, Tensor> Doubled(IReadOnlyDictionary<string, Tensor> encoder) => encoder.ToDictionary(
            tensor => tensor.Key,
            tensor => Vector([.. tensor.Value.Values.Select(value => 2 * value)]));
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
}
