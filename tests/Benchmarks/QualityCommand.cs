using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Encoders;
using ScoringService.Merging;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>How well merged models score, item by item, against the items' own models and the frozen base.</summary>
static class QualityCommand
{
    static readonly RuntimeOptions OneThread = new() { Threads = 1 };

    /// <summary>The verb <c>quality</c>.</summary>
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Directory of CSV files, one per item.", Required = true };
        var items = new Option<string?>("--items") { Description = "Only these items, separated by commas." };
        var methods = new Option<string>("--methods") { Description = "Rows to measure, separated by commas, or 'all'.", DefaultValueFactory = _ => "all" };
        var groups = new Option<int?>("--groups") { Description = "Groups that gw-smm keeps; default half the items, rounded up." };
        var epochs = new Option<int>("--epochs") { Description = "Epochs of fine-tuning.", DefaultValueFactory = _ => new TrainingRecipe().Epochs };
        var seeds = new Option<int>("--seeds") { Description = "Runs with different seeds.", DefaultValueFactory = _ => 1 };
        var cache = new Option<DirectoryInfo>("--cache") { Description = "Where trained item models are kept.", DefaultValueFactory = _ => new("cache") };
        var output = new Option<DirectoryInfo>("--out") { Description = "Where the results are written.", Required = true };

        var command = new Command("quality", "How well merged models score.") { data, items, methods, groups, epochs, seeds, cache, output };
        command.SetAction((parsed, stop) =>
        {
            var itemFilter = parsed.GetValue(items)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var all = ItemDataFile.ReadDirectory(parsed.GetValue(data)!.FullName);
            ImmutableArray<ItemData> chosen = itemFilter is null ? all : [.. all.Where(item => itemFilter.Contains(item.Item.Id))];
            var results = new Results("quality");
            var rows = QualityMethod.Named(parsed.GetValue(methods)!, parsed.GetValue(groups), chosen.Length);
            for (var seed = 0; seed < parsed.GetValue(seeds); seed++)
            {
                var recipe = new TrainingRecipe { Epochs = parsed.GetValue(epochs), Seed = seed };
                Run(chosen, rows, recipe, parsed.GetValue(cache)!.FullName, parsed.GetValue(output)!.FullName, results, stop);
            }
            Console.WriteLine(results.Markdown(IsTotal));
            return Task.FromResult(0);
        });
        return command;
    }

    static void Run(
        ImmutableArray<ItemData> items, ImmutableArray<QualityMethod> methods, TrainingRecipe recipe, string cache, string output, Results results,
        CancellationToken stop)
    {
        var threads = Environment.ProcessorCount;
        var baseModel = new BaseModel();
        var models = new ConcurrentDictionary<string, ItemModel>();
        var training = Stopwatch.StartNew();
        Parallel.ForEach(items, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, data =>
            models[data.Item.Id] = ItemModelCache.GetOrTrain(cache, baseModel, data, recipe, OneThread, stop));
        training.Stop();

        var sources = new MergeSources(
            BaseModel.Name,
            baseModel.Checkpoint,
            [.. items.Select(data => TokenizedItem.From(data, text => baseModel.Tokenizer.Encode(text, recipe.MaxTokens)))],
            models,
            recipe.MaxTokens);
        var progress = new ConsoleProgress();
        var measured = Stopwatch.StartNew();
        var references = ReferenceScores.Of(sources, OneThread, threads, progress, stop);
        var frozenBase = references.FrozenBase.ToDictionary(item => item.Key, item => item.Value.Scores);
        Add("individual", references.Own, items.Length, items.Length * baseModel.Parameters, training.Elapsed, []);
        Add("frozen-base", frozenBase, 1, baseModel.Parameters, measured.Elapsed, []);
        results.Write(output, IsTotal);

        AlignmentMatrix? alignment = null;
        var run = new MergeRun(sources, references, OneThread, threads);
        foreach (var method in methods)
        {
            measured.Restart();
            if (method.Recipe.Grouping.Strategy == GroupingStrategy.GromovWasserstein)
                alignment ??= run.Align(method.Recipe.Grouping.Features, new Progress<double>(), stop);
            var merged = run.Run(method.Recipe, MethodCatalog.Parse(method.Recipe.Method, out _)!, alignment, progress, stop);
            var report = merged.Report;
            var served = report.Items.ToDictionary(item => item.ItemId, item => item.Served);
            var mergedItems = report.Items.Where(item => item.Merged).Select(item => item.ItemId);
            Add(method.Name, served, report.Encoders, report.Parameters, measured.Elapsed, [.. mergedItems]);
            results.Write(output, IsTotal);
        }

        void Add(
            string name, IReadOnlyDictionary<string, SplitScores> scores, int encoders, long parameters, TimeSpan elapsed, ImmutableArray<string> mergedItems)
        {
            foreach (var data in items)
                AddRow(data.Item.Id, [data.Item.Id]);
            AddRow("all", [.. items.Select(data => data.Item.Id)]);
            if (mergedItems.Length > 0 && mergedItems.Length < items.Length)
                AddRow("merged-only", mergedItems);

            void AddRow(string item, ImmutableArray<string> of)
            {
                MetricSet Mean(IReadOnlyDictionary<string, SplitScores> from) => MetricSet.Mean([.. of.Select(id => from[id].Test!)]);
                var (metrics, own, frozen) = (Mean(scores), Mean(references.Own), Mean(frozenBase));
                results.Add(new JsonObject
                {
                    ["name"] = name,
                    ["item"] = item,
                    ["seed"] = recipe.Seed,
                    ["accuracy"] = metrics.Accuracy,
                    ["macroF1"] = metrics.MacroF1,
                    ["microF1"] = metrics.MicroF1,
                    ["exactMatch"] = metrics.ExactMatch,
                    ["perLabelAccuracy"] = metrics.PerLabelAccuracy,
                    ["qwk"] = metrics.Qwk,
                    ["recoveredGain"] = own.Qwk > frozen.Qwk ? (metrics.Qwk - frozen.Qwk) / (own.Qwk - frozen.Qwk) : null,
                    ["n"] = metrics.N,
                    ["encoders"] = encoders,
                    ["bytes"] = parameters * sizeof(float),
                    ["parameters"] = parameters,
                    ["seconds"] = Math.Round(elapsed.TotalSeconds, 1),
                });
            }
        }
    }

    static bool IsTotal(JsonObject row) => row["item"]!.GetValue<string>() is "all" or "merged-only";
}

/// <summary>A row of the quality table: a name and the recipe behind it.</summary>
sealed record QualityMethod(string Name, MergeRecipe Recipe)
{
    /// <summary>The rows asked for; <c>all</c> takes every one.</summary>
    public static ImmutableArray<QualityMethod> Named(string names, int? groups, int items)
    {
        var gromovWasserstein = new GroupingRecipe { Groups = JsonSerializer.SerializeToElement(groups ?? (items + 1) / 2) };
        ImmutableArray<QualityMethod> known =
        [
            Merge("all-average", new() { Strategy = GroupingStrategy.One }, new { name = "simple-average" }),
            Merge("gw-smm", gromovWasserstein, new { name = "simple-average" }),
            Merge("gw-smm/ties", gromovWasserstein, new { name = "ties", density = 0.3, lambda = 1.0 }),
        ];
        if (names == "all")
            return known;
        const StringSplitOptions tidy = StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries;
        var asked = names.Split(',', tidy).Except(["individual", "frozen-base"]).ToArray();
        return asked.FirstOrDefault(name => known.All(method => method.Name != name)) is { } unknown
            ? throw new ArgumentException(
                $"There is no row '{unknown}'. Known: individual, frozen-base, {string.Join(", ", known.Select(method => method.Name))}.")
            : [.. known.Where(method => asked.Contains(method.Name))];
    }

    static QualityMethod Merge(string name, GroupingRecipe grouping, object method) =>
        new(name, new() { Grouping = grouping, Method = JsonSerializer.SerializeToElement(method) });
}
