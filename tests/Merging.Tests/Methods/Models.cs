using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Item models of a few small tensors.</summary>
static class Models
{
    public static Tensor Vector(params float[] values) => new([values.Length], values);

    public static Dictionary<string, Tensor> Encoder(params float[] values) => new() { ["w"] = Vector(values) };

    public static ItemModel Model(string id, IReadOnlyDictionary<string, Tensor> encoder) => new(
        new Item { Id = id, Scoring = ScoringKind.MultiClass, Labels = ["0", "1"], Points = [0, 1] },
        new BertConfig { HiddenSize = 1, IntermediateSize = 1, Layers = 1, AttentionHeads = 1, VocabularySize = 1, MaxPositions = 1 },
        encoder,
        new Head(new Tensor([2, 1], [1, -1]), Vector(0, 0)));

    public static Dictionary<string, ItemModel> ById(params ItemModel[] models) => models.ToDictionary(model => model.Item.Id);

    public static void AssertClose(float[] expected, float[] actual, float tolerance = 1e-6f) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));

    public static void AssertClose(
        IReadOnlyDictionary<string, Tensor> expected, IReadOnlyDictionary<string, Tensor> actual, float tolerance, int seed)
    {
        foreach (var (name, tensor) in expected)
            Assert.True(tensor.Values.Zip(actual[name].Values).All(pair => Math.Abs(pair.First - pair.Second) <= tolerance), $"seed {seed}, {name}");
    }

    /// <summary>Three tensors of random size; every model changes the first two and has the third from the base.</summary>
    public static (Dictionary<string, Tensor> Base, Dictionary<string, ItemModel> Models, ImmutableArray<string> Group) Random(Random random)
    {
        var sizes = new Dictionary<string, int> { ["a"] = random.Next(1, 300), ["b"] = random.Next(1, 300), ["frozen"] = random.Next(1, 50) };
        var start =
            sizes.ToDictionary(size => size.Key, size => Vector([.. Enumerable.Range(0, size.Value).Select(_ => random.NextSingle() - 0.5f)]));
        ItemModel[] models = [.. Enumerable.Range(0, random.Next(2, 6)).Select(i => Model($"item {i}", start.ToDictionary(
            tensor => tensor.Key,
            tensor => tensor.Key == "frozen" ? tensor.Value : Changed(tensor.Value))))];
        return (start, ById(models), [.. models.Select(model => model.Item.Id)]);

        Tensor Changed(Tensor tensor) => Vector([.. tensor.Values.Select(value => value + ((random.NextSingle() - 0.5f) / 10))]);
    }
}
