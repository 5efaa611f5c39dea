using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>What a model reaches on an item.</summary>
/// <param name="Scores">Metrics.</param>
/// <param name="Points">The score it gives to each test response, in their order.</param>
sealed record ScoredItem(SplitScores Scores, double[] Points);

/// <summary>What was measured for a row.</summary>
/// <param name="Items">Item id → what the row's models reach.</param>
/// <param name="Merged">The items that share their encoder with another.</param>
/// <param name="Encoders">Encoders kept.</param>
/// <param name="Bytes">What encoders and heads take on disk.</param>
/// <param name="Parameters">Numbers in them.</param>
/// <param name="Seconds">How long it took; null where it was not done in this run.</param>
sealed record MeasuredRow(
    IReadOnlyDictionary<string, ScoredItem> Items, ImmutableArray<string> Merged, int Encoders, long Bytes, long Parameters, double? Seconds);

/// <summary>One seed of the quality benchmark: its item models and what follows from them, made when first needed or found in the cache.</summary>
sealed class QualitySeed
{
    static readonly RuntimeOptions OneThread = new() { Threads = 1 };
    static readonly int Threads = Environment.ProcessorCount;

    readonly ImmutableArray<ItemData> items;
    readonly TrainingRecipe training;
    readonly string modelCache;
    readonly QualityCache cache;
    readonly CancellationToken stop;
    readonly ConsoleProgress progress = new();
    readonly Lazy<MergeSources> sources;
    readonly Lazy<IReadOnlyDictionary<string, ScoredItem>> own;
    readonly Lazy<FrozenBaseScores> frozenBase;
    readonly Dictionary<string, AlignmentMatrix> alignments = [];
    double? trainingSeconds;

    /// <summary>Prepares a seed; nothing is loaded yet.</summary>
    /// <param name="items">The items.</param>
    /// <param name="training">How their models are trained; names the seed.</param>
    /// <param name="cacheDirectory">Where item models, references, distances and points are kept.</param>
    /// <param name="stop">Stops within a second or so.</param>
    public QualitySeed(ImmutableArray<ItemData> items, TrainingRecipe training, string cacheDirectory, CancellationToken stop)
    {
        (this.items, this.training, modelCache, cache, this.stop) = (items, training, cacheDirectory, new(cacheDirectory), stop);
        DataHash = HashOf(items, training);
        sources = new(Load);
        own = new(() => items.ToDictionary(data => data.Item.Id, OwnScores));
        frozenBase = new(() => cache.GetOrMake("base", ContentHash.Of(new { BaseModel.Name, items, training.MaxTokens }), ScoreFrozenBase));
    }

    /// <summary>The seed.</summary>
    public int Seed => training.Seed;

    /// <summary>A short name for what every row is measured on: base model, items, responses and how models are trained, but for the seed.</summary>
    public string DataHash { get; }

    /// <summary>Item id → what its own model reaches.</summary>
    public IReadOnlyDictionary<string, ScoredItem> Own => own.Value;

    /// <summary>Item id → what the frozen base reaches.</summary>
    public IReadOnlyDictionary<string, ScoredItem> FrozenBase => frozenBase.Value.Items.ToDictionary(item => item.Key, item => item.Value.Scored);

    /// <summary>The plan that the distances between the item models ask for.</summary>
    public MergePlan Plan(GroupingRecipe grouping) =>
        PlannedGroups.Of(grouping, Alignment(grouping.Features)).Plan;

    /// <summary>The points that a row of that recipe gave to the test responses, by item; null where they were not kept.</summary>
    public Dictionary<string, double[]>? PointsOf(string recipeHash) =>
        cache.Find<Dictionary<string, double[]>>("points", PointsKey(recipeHash));

    /// <summary>Keeps the points that a row gave.</summary>
    public void KeepPoints(string recipeHash, MeasuredRow row) =>
        cache.Keep("points", PointsKey(recipeHash), row.Items.ToDictionary(item => item.Key, item => item.Value.Points));

    /// <summary>Measures the items' own models.</summary>
    public MeasuredRow MeasureOwn()
    {
        var models = sources.Value.Models;
        return new(
            Own, [], models.Count,
            StoredBytes.Of(models.Select(model =>
                ((EncoderModel)Static(model.Value), new Dictionary<string, Head> { [model.Key] = model.Value.Head }))),
            models.Values.Sum(model => StoredBytes.Parameters(Static(model), [model.Head])),
            trainingSeconds);
    }

    /// <summary>Measures the frozen base.</summary>
    public MeasuredRow MeasureFrozenBase()
    {
        var encoder = new StaticEncoder(sources.Value.Base.Config, sources.Value.Base.Encoder);
        var heads = References().FrozenBase.ToDictionary(item => item.Key, item => item.Value.Head);
        return new(FrozenBase, [], 1, StoredBytes.Of([(encoder, heads)]), StoredBytes.Parameters(encoder, heads.Values), frozenBase.Value.Seconds);
    }

    /// <summary>Merges and measures. Time is that of merging, fitting and evaluating; item models, references and distances are at hand.</summary>
    /// <exception cref="MergeException">Item models do not fit together.</exception>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    public MeasuredRow Measure(MergeRecipe recipe)
    {
        var (merged, elapsed) = Merge(recipe);
        return new(
            merged.Groups.SelectMany(PointsOf).ToDictionary(),
            [.. merged.Report.Items.Where(item => item.Merged).Select(item => item.ItemId)],
            merged.Report.Encoders,
            StoredBytes.Of(merged.Groups.Select(group => (group.Encoder, group.Items.ToDictionary(item => item.Item.Id, item => item.Head)))),
            merged.Groups.Sum(group => StoredBytes.Parameters(group.Encoder, group.Items.Select(item => item.Head))),
            elapsed.TotalSeconds);
    }

    /// <summary>Merges and publishes a bundle.</summary>
    /// <param name="recipe">How.</param>
    /// <param name="root">Directory of all bundles.</param>
    /// <returns>Its id.</returns>
    /// <exception cref="MergeException">Item models do not fit together.</exception>
    public string Publish(MergeRecipe recipe, string root) =>
        MergePublication.Publish(root, Merge(recipe).Merged, sources.Value, recipe, DateTimeOffset.UnixEpoch, stop);

    (MergedItems Merged, TimeSpan Elapsed) Merge(MergeRecipe recipe)
    {
        var alignment = Grouping.NeedsAlignment(recipe.Grouping) ? Alignment(recipe.Grouping.Features) : null;
        var run = new MergeRun(sources.Value, References(), OneThread, Threads);
        var watch = Stopwatch.StartNew();
        return (run.Run(recipe, QualityRows.MethodOf(recipe), alignment, progress, stop), watch.Elapsed);
    }

    IEnumerable<KeyValuePair<string, ScoredItem>> PointsOf(MergedGroup group) => group.Items.Select(fitted => KeyValuePair.Create(
        fitted.Item.Id,
        new ScoredItem(
            fitted.Scores,
            // An item left alone keeps the scores of its own model, whose predictions lie in the cache.
            fitted.Scores.TestPredictions is { } test ? [.. test.Predicted.Select(labels => Points(test.Item, labels))] : Own[fitted.Item.Id].Points)));

    AlignmentMatrix Alignment(FeatureRecipe features)
    {
        var hash = ContentHash.Of(new { Models = items.Select(data => ItemModelCache.Key(data, training)), features });
        if (!alignments.TryGetValue(hash, out var alignment))
        {
            alignment = cache.GetOrMake("alignment", hash, () =>
                new MergeRun(sources.Value, References(), OneThread, Threads).Align(features, new Progress<double>(), stop));
            alignments.Add(hash, alignment);
        }
        return alignment;
    }

    MergeSources Load()
    {
        var baseModel = new BaseModel();
        var models = new ConcurrentDictionary<string, ItemModel>();
        var cached = items.Any(data => ItemModelCache.Contains(modelCache, data, training));
        var watch = Stopwatch.StartNew();
        Parallel.ForEach(items, new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = stop }, data =>
            models[data.Item.Id] = ItemModelCache.GetOrTrain(modelCache, baseModel, data, training, OneThread, stop));
        trainingSeconds = cached ? null : watch.Elapsed.TotalSeconds;
        return new(
            BaseModel.Name,
            baseModel.Checkpoint,
            [.. items.Select(data => TokenizedItem.From(data, text => baseModel.Tokenizer.Encode(text, training.MaxTokens)))],
            models,
            training.MaxTokens);
    }

    ScoredItem OwnScores(ItemData data) => cache.GetOrMake("own", ContentHash.Of(new { Model = ItemModelCache.Key(data, training), data.Test }), () =>
    {
        var (item, model) = (sources.Value.Item(data.Item.Id), sources.Value.Models[data.Item.Id]);
        progress.Report(new("references", 0, $"{item.Id}: own model"));
        using var encoder = EncoderEngines.Open(new StaticEncoder(model.Config, model.Encoder), new EncoderOutput(), OneThread);
        var scores = SplitScores.Of(item, encoder, model.Head, Threads, stop);
        return new ScoredItem(scores, PointsOf(data, model.Head, PooledFeatures.Of(encoder, item.Test, Threads, stop)));
    });

    FrozenBaseScores ScoreFrozenBase()
    {
        var (watch, encoderTime, responses) = (Stopwatch.StartNew(), TimeSpan.Zero, 0);
        var scored = new Dictionary<string, FrozenItem>();
        using var encoder = EncoderEngines.Open(new StaticEncoder(sources.Value.Base.Config, sources.Value.Base.Encoder), new EncoderOutput(), OneThread);
        foreach (var item in sources.Value.Items)
        {
            progress.Report(new("references", (double)scored.Count / items.Length, $"{item.Id}: frozen base"));
            var started = Stopwatch.GetTimestamp();
            var pooled = PooledItem.From(encoder, item, Threads, stop);
            encoderTime += Stopwatch.GetElapsedTime(started);
            responses += item.Train.Length + item.Validation.Length + item.Test.Length;
            var (_, head, scores) = FittedItem.Of(pooled, own: null, retune: true, stop);
            scored.Add(item.Id, new(new(scores, PointsOf(item.Data, head, pooled.Test)), head.Weight.Values, head.Bias.Values));
        }
        return new(scored, encoderTime.TotalMilliseconds / responses, watch.Elapsed.TotalSeconds);
    }

    ReferenceScores References() => new(
        Own.ToDictionary(item => item.Key, item => item.Value.Scores),
        frozenBase.Value.Items.ToDictionary(item => item.Key, item => new FittedItem(
            sources.Value.Item(item.Key), item.Value.Head, item.Value.Scored.Scores)),
        frozenBase.Value.MillisecondsPerResponse);

    string PointsKey(string recipeHash) => ContentHash.Of(new { Seed, recipeHash, DataHash });

    static string HashOf(ImmutableArray<ItemData> items, TrainingRecipe training) =>
        ContentHash.Of(new { BaseModel = BaseModel.Name, items, training = training with { Seed = 0 } });

    static double[] PointsOf(ItemData data, Head head, Tensor features) =>
        [.. LinearHead.Predict(head, data.Item.Scoring, features).Select(labels => Points(data.Item, labels))];

    /// <summary>The score that labels make.</summary>
    public static double Points(Item item, ImmutableArray<bool> labels) => item.Points.Zip(labels, (points, holds) => holds ? points : 0).Sum();

    static StaticEncoder Static(ItemModel model) => new(model.Config, model.Encoder);

    /// <summary>The frozen base, as it is kept.</summary>
    sealed record FrozenBaseScores(IReadOnlyDictionary<string, FrozenItem> Items, double MillisecondsPerResponse, double Seconds);

    /// <summary>An item on the frozen base: its scores and the head they come from, <c>[labels, hidden]</c> and <c>[labels]</c>.</summary>
    sealed record FrozenItem(ScoredItem Scored, float[] Weight, float[] Bias)
    {
        [JsonIgnore] public Head Head => new(new([Bias.Length, Weight.Length / Bias.Length], Weight), new([Bias.Length], Bias));
    }
}
