using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tests.Tokenization;

namespace ScoringService.Inference.Tests.Scoring;

/// <summary>A real bundle of two small random encoders and four items, with the tokenizer of the base model.</summary>
sealed class SmallBundle : IDisposable
{
    public static BertConfig Config { get; } = new()
    {
        HiddenSize = 32, IntermediateSize = 64, Layers = 2, AttentionHeads = 4, VocabularySize = 30_522, MaxPositions = 48,
    };

    readonly TemporaryDirectory directory = new();

    public static ImmutableArray<Item> Items { get; } =
    [
        new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] },
        new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["motive", "trait"], Points = [1, 1] },
        new() { Id = "binary", Scoring = ScoringKind.MultiClass, Labels = ["wrong", "right"], Points = [0, 1] },
        new() { Id = "wide", Scoring = ScoringKind.MultiClass, Labels = ["a", "b", "c", "d", "e"], Points = [0, 1, 2, 3, 4] },
    ];

    /// <summary>Publishes and opens a bundle.</summary>
    /// <param name="seed">Of its weights.</param>
    /// <param name="headScale">Its heads' weights lie within plus or minus this.</param>
    /// <param name="maxTokens">Where responses are cut.</param>
    /// <param name="first">The encoder of the first two items; a random static one by default.</param>
    public Bundle Publish(int seed, float headScale = 1, int maxTokens = 40, EncoderModel? first = null)
    {
        using var writer = new BundleWriter(directory.Path);
        var random = new Random(seed);
        foreach (var name in (string[])["e0", "e1"])
        {
            var tensors = BertTensors.Shapes(Config).ToDictionary(tensor => tensor.Key, tensor => Values(random, tensor.Value, .5f));
            EncoderExport.Write(writer.EncodersDirectory, name, name == "e0" && first is not null ? first : new StaticEncoder(Config, tensors));
        }
        var id = writer.Publish(
            new BundleManifest
            {
                CreatedAt = DateTimeOffset.UnixEpoch,
                BaseModel = "random",
                Tokenizer = new(maxTokens),
                Encoders = [Encoder("e0", "scale", "rubric"), Encoder("e1", "binary", "wide")],
                Items = [.. Items.Select(item => new BundleItem(item, Calibration.None(item), new TokenRange(4, 30)))],
                Method = "none",
                Recipe = JsonSerializer.SerializeToElement(new { seed }),
            },
            Items.ToDictionary(item => item.Id, item => new Head(
                Values(random, [item.Labels.Length, Config.HiddenSize], headScale), Values(random, [item.Labels.Length], .5f))),
            new Dictionary<string, byte[]> { ["vocab.txt"] = File.ReadAllBytes(Path.Combine(Golden.BaseModel, "vocab.txt")) });
        return Bundle.Open(directory[id]);
    }

    public void Dispose() => directory.Dispose();

    static BundleEncoder Encoder(string name, params ImmutableArray<string> items) =>
        new(name, $"encoders/{name}.onnx", $"encoders/{name}.safetensors", items);

    static Tensor Values(Random random, ImmutableArray<int> shape, float scale) =>
        new(shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => (2 * random.NextSingle() - 1) * scale)]);
}
