using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Bundles;
using ScoringService.Api.Storage;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Tests;

/// <summary>A real bundle of a BERT small enough to be made in a moment: one layer, eight wide, random weights.</summary>
static class TinyBundle
{
    const int MaxTokens = 16;

    static readonly string[] Vocabulary =
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "because", "it", "is", "sunny", "!", "its", "dries", "yes", "no"];

    public static readonly BertConfig Config = new()
    {
        HiddenSize = 8,
        IntermediateSize = 16,
        Layers = 1,
        AttentionHeads = 2,
        VocabularySize = Vocabulary.Length,
        MaxPositions = MaxTokens,
    };

    public static readonly IReadOnlyDictionary<string, byte[]> Tokenizer =
        new Dictionary<string, byte[]> { ["vocab.txt"] = Encoding.UTF8.GetBytes(string.Join('\n', Vocabulary)) };

    public static IReadOnlyDictionary<string, Tensor> Encoder(int seed)
    {
        var random = new Random(seed);
        return BertTensors.Shapes(Config).ToDictionary(entry => entry.Key, entry => Random(random, entry.Value));
    }

    public static Head Head(int labels, int seed)
    {
        var random = new Random(seed);
        return new(Random(random, [labels, Config.HiddenSize]), Random(random, [labels]));
    }

    /// <summary>Publishes a bundle that scores some items, without activating it.</summary>
    public static string Publish(RunningService service, int seed, params Item[] items)
    {
        using var writer = new BundleWriter(service.Services.GetRequiredService<DataDirectory>().Bundles);
        EncoderExport.Write(writer.EncodersDirectory, "e0", Config, Encoder(seed));
        var manifest = new BundleManifest
        {
            CreatedAt = DateTimeOffset.UnixEpoch.AddDays(seed),
            BaseModel = "tiny",
            Tokenizer = new(MaxTokens),
            Encoders = [new("e0", "encoders/e0.onnx", "encoders/e0.safetensors", [.. items.Select(item => item.Id)])],
            Items = [.. items.Select(item => new BundleItem(item, Calibration.None(item)))],
            Method = "simple-average",
            Recipe = JsonSerializer.SerializeToElement(new { seed }),
        };
        var id = writer.Publish(manifest, items.ToDictionary(item => item.Id, item => Head(item.Labels.Length, seed)), Tokenizer);
        service.Services.GetRequiredService<BundleStore>()
            .Add(BundleRow.Of(id, Bundle.Open(service.Services.GetRequiredService<DataDirectory>().Bundle(id)).Manifest));
        return id;
    }

    public static Item Scale(string id) =>
        new() { Id = id, Title = "Why?", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };

    public static Item Rubric(string id) => new() { Id = id, Scoring = ScoringKind.MultiLabel, Labels = ["cause", "effect"], Points = [1, 2] };

    static Tensor Random(Random random, ImmutableArray<int> shape) =>
        new(shape, [.. Enumerable.Range(0, shape.Aggregate(1, (product, size) => product * size)).Select(_ => (float)(random.NextDouble() - 0.5))]);
}
