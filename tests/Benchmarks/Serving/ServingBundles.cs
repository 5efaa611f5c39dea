using System.Text.Json;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging;
using ScoringService.Merging.Recipes;

namespace ScoringService.Benchmarks.Serving;

/// <summary>The bundles that are served, made of the cached item models when first asked for and kept.</summary>
/// <param name="seed">The item models.</param>
/// <param name="cacheDirectory">Where the bundles are kept, and which is which.</param>
/// <param name="given">Directory of a bundle to serve as the static one; null to merge it.</param>
sealed class ServingBundles(QualitySeed seed, string cacheDirectory, string? given)
{
    // A bundle holds graphs that the code wrote: other code, other bundle.
    static readonly string Code = $"{typeof(EncoderExport).Module.ModuleVersionId}{typeof(MergeRun).Module.ModuleVersionId}";

    readonly QualityCache cache = new(cacheDirectory);
    readonly string root = Path.Combine(cacheDirectory, "serving-bundles");

    static MergeRecipe OneGroup(object method, bool retune) => new()
    {
        Grouping = new() { Strategy = GroupingStrategy.One },
        Method = JsonSerializer.SerializeToElement(method),
        Heads = new() { Retune = retune },
    };

    /// <summary>One static encoder for all items: their average, with heads fitted anew.</summary>
    public string Static => given ?? Of(Average);

    /// <summary>The same in int8; null where this version leaves it in fp32.</summary>
    public string? Int8
    {
        get
        {
            var made = Of(Average with { Precision = "int8" });
            return Bundle.Open(made).Manifest.Encoders.All(encoder => encoder.Precision?.EightBit is null or EightBit.None) ? null : made;
        }
    }

    /// <summary>The base model with heads fitted: scores that differ from those of <see cref="Static"/>.</summary>
    public string FrozenBase => Of(OneGroup(new { name = "frozen-base" }, retune: true));

    /// <summary>An encoder for each item, as systems without merging have.</summary>
    public string SessionPerItem => Of(new() { Grouping = new() { Strategy = GroupingStrategy.None }, Heads = new() { Retune = false } });

    /// <summary>WEMoE: dense task vectors of all MLPs, a router in each layer.</summary>
    public string Wemoe => Of(OneGroup(new { name = "wemoe", lambda = .3, steps = 0 }, retune: false));

    /// <summary>E-WEMoE: nine tenths of every task vector pruned, one router for all layers.</summary>
    public string EWemoe => Of(OneGroup(new { name = "e-wemoe", prune = .9, lambda = .3, steps = 0 }, retune: false));

    /// <summary>Low-rank experts of rank 16, selected by item.</summary>
    public string LowRank => Of(OneGroup(new { name = "low-rank", rank = 16, selection = "item" }, retune: false));

    static MergeRecipe Average => OneGroup(new { name = "simple-average" }, retune: true);

    /// <summary>The static encoder with its items over and over under other names.</summary>
    /// <param name="items">How many items.</param>
    public string Repeated(int items) => Find($"{Path.GetFileName(Static)}-{items}", () =>
    {
        var original = Bundle.Open(Static);
        var encoder = original.Manifest.Encoders.Single();
        using var writer = new BundleWriter(root);
        foreach (var path in new[] { encoder.Graph, encoder.Weights })
            File.Copy(Path.Combine(Static, path), Path.Combine(writer.EncodersDirectory, Path.GetFileName(path)));
        var copies = Enumerable.Range(0, items).Select(place => (Id: CopyOf(place), Original: encoder.Items[place % encoder.Items.Length])).ToArray();
        var manifest = original.Manifest with
        {
            Encoders = [encoder with { Items = [.. copies.Select(copy => copy.Id)] }],
            Items = [.. copies.Select(copy => original.Items[copy.Original]).Zip(copies, (item, copy) =>
                item with { Definition = item.Definition with { Id = copy.Id } })],
        };
        return writer.Publish(
            manifest,
            copies.ToDictionary(copy => copy.Id, copy => original.Heads[copy.Original]),
            Directory.EnumerateFiles(original.TokenizerDirectory).ToDictionary(file => Path.GetFileName(file), File.ReadAllBytes));
    });

    /// <summary>The name of an item of <see cref="Repeated"/>.</summary>
    public static string CopyOf(int place) => $"item-{place}";

    /// <summary>What a bundle says of responses: for each the probabilities of its labels, and the score.</summary>
    public static async Task<(double[][] Probabilities, double[] Scores)> ScoresAsync(
        string bundle, IReadOnlyList<ResponseToScore> responses, CancellationToken stop)
    {
        await using var scorer = Scorer.Load(Bundle.Open(bundle), new(), TimeProvider.System);
        var results = new List<ScoredResponse>();
        foreach (var chunk in responses.Chunk(64))
            results.AddRange((await scorer.ScoreAsync(chunk, new("benchmark"), stop)).Results.Cast<ScoredResponse>());
        return (
            [.. results.Select(result => result.Labels.Select(label => label.Probability).ToArray())],
            [.. results.Select(result => result.Score.Value)]);
    }

    string Of(MergeRecipe recipe) => Find(ContentHash.Of(new { seed.DataHash, seed.Seed, recipe, Code }), () => seed.Publish(recipe, root));

    string Find(string hash, Func<string> publish)
    {
        if (cache.Find<string>("serving", hash) is { } known && Directory.Exists(Path.Combine(root, known)))
            return Path.Combine(root, known);
        var id = publish();
        cache.Keep("serving", hash, id);
        return Path.Combine(root, id);
    }
}
