using System.Collections.Immutable;
using System.CommandLine;
using System.Reflection;
using System.Text.Json.Nodes;
using ScoringService.Merging;
using ScoringService.Merging.Data;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>How well merged models score, item by item, against the items' own models and the frozen base.</summary>
static class QualityCommand
{
    const string Name = "quality";

    /// <summary>The verb <c>quality</c>.</summary>
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data") { Description = "Directory of CSV files, one per item.", Required = true };
        var items = new Option<string?>("--items") { Description = "Only these items, separated by commas." };
        var methods = new Option<string>("--methods")
        {
            Description = "Rows to measure, separated by commas, or 'all'.",
            DefaultValueFactory = _ => "all",
        };
        var groups = new Option<int?>("--groups") { Description = "Groups that Gromov-Wasserstein plans keep; default what a recipe says." };
        var epochs = new Option<int>("--epochs") { Description = "Epochs of fine-tuning.", DefaultValueFactory = _ => new TrainingRecipe().Epochs };
        var seeds = new Option<int>("--seeds") { Description = "Runs with different seeds.", DefaultValueFactory = _ => 1 };
        var similarity = new Option<FileInfo?>("--similarity")
        {
            Description = "JSON file with 'itemIds' and 'similarity' by a language model: measures the plan that follows from it.",
        };
        var cache = new Option<DirectoryInfo>("--cache")
        {
            Description = "Where item models and references are kept.",
            DefaultValueFactory = _ => new("cache"),
        };
        var fresh = new Option<bool>("--fresh") { Description = "Measure again what an earlier run has measured." };
        var output = new Option<DirectoryInfo>("--out") { Description = "Where the results are written, row by row.", Required = true };

        var command = new Command(Name, "How well merged models score.")
        {
            data, items, methods, groups, epochs, seeds, similarity, cache, fresh, output,
        };
        command.SetAction((parsed, stop) =>
        {
            var chosen = Choose(ItemDataFile.ReadDirectory(parsed.GetValue(data)!.FullName), parsed.GetValue(items));
            var all = QualityRows.All(
                Path.Combine(AppContext.BaseDirectory, "samples", "recipes"),
                parsed.GetValue(groups),
                parsed.GetValue(similarity) is { } file ? ItemSimilarity.Read(file.FullName) : null);
            var run = new Run(chosen, QualityRows.Named(all, parsed.GetValue(methods)!), parsed.GetValue(output)!.FullName, parsed.GetValue(fresh));
            var complete = true;
            for (var seed = 0; seed < parsed.GetValue(seeds); seed++)
            {
                var training = new TrainingRecipe { Epochs = parsed.GetValue(epochs), Seed = seed };
                complete &= run.Measure(new(chosen, training, parsed.GetValue(cache)!.FullName, stop), stop);
            }
            Console.WriteLine(run.Finish());
            return Task.FromResult(complete ? 0 : 1);
        });
        return command;
    }

    static ImmutableArray<ItemData> Choose(ImmutableArray<ItemData> all, string? names)
    {
        var asked = names?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        ImmutableArray<ItemData> chosen = asked is null ? all : [.. all.Where(data => asked.Contains(data.Item.Id))];
        if (asked?.FirstOrDefault(id => all.All(data => data.Item.Id != id)) is { } unknown)
            throw new ArgumentException($"There is no item '{unknown}'. Known: {string.Join(", ", all.Select(data => data.Item.Id))}.");
        return chosen.FirstOrDefault(data => data.Test.IsEmpty) is { } untested
            ? throw new ArgumentException($"Item '{untested.Item.Id}' has no test responses. Leave it out of --items.")
            : chosen;
    }

    /// <summary>A run over seeds and rows.</summary>
    sealed class Run(ImmutableArray<ItemData> items, ImmutableArray<QualityRow> methods, string output, bool fresh)
    {
        static readonly string Version = typeof(MergeRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

        readonly List<QualitySeed> seeds = [];
        QualityTable? table;

        /// <summary>Measures what is missing of a seed.</summary>
        /// <returns>Whether all of it could be measured.</returns>
        public bool Measure(QualitySeed seed, CancellationToken stop)
        {
            var complete = true;
            seeds.Add(seed);
            var results = table ??= Open(seed.DataHash);
            Put(QualityRows.Individual, QualityRows.Individual, seed.MeasureOwn);
            Put(QualityRows.FrozenBase, QualityRows.FrozenBase, seed.MeasureFrozenBase);
            foreach (var method in methods)
            {
                stop.ThrowIfCancellationRequested();
                try
                {
                    var recipe = QualityRows.Seeded(method.Recipe(seed.Plan), seed.Seed);
                    var hash = QualityRows.HashOf(recipe);
                    Put(method.Name, hash, () => seed.Measure(recipe));
                }
                catch (Exception impossible) when (impossible is MergePlanException or MergeException)
                {
                    Console.Error.WriteLine($"{method.Name}, seed {seed.Seed}, is left out: {impossible.Message}");
                    complete = false;
                }
            }
            return complete;

            void Put(string name, string recipe, Func<MeasuredRow> measure)
            {
                if (results.Has(name, seed.Seed, recipe) || results.TakeFromNamesake(name, seed.Seed, recipe))
                {
                    Console.Error.WriteLine($"{name}, seed {seed.Seed}, is at hand.");
                    return;
                }
                var measured = measure();
                seed.KeepPoints(recipe, measured);
                results.Put(name, seed.Seed, recipe, measured, seed.Own, seed.FrozenBase);
                Write(Means());
            }
        }

        /// <summary>Writes the means with their intervals.</summary>
        /// <returns>The tables.</returns>
        public string Finish()
        {
            var means = Means();
            AddIntervals(means);
            return Write(means);
        }

        JsonObject[] Means()
        {
            JsonObject[] means = [.. table!.Means()];
            var random = means.Where(row => QualityTable.Text(row, "name")!.StartsWith(QualityRows.RandomPlan, StringComparison.Ordinal)
                && QualityTable.Text(row, "item") == QualityTable.AllItems).ToArray();
            return random.Length < 2
                ? means
                : [.. means, QualityTable.Mean(QualityRows.RandomPlans, QualityTable.AllItems, seeds.Count, random)];
        }

        string Write(JsonObject[] means)
        {
            JsonObject[] measured = [.. table!.Measured];
            var markdown = QualityReport.Markdown(measured, means);
            Results.Write(output, Name, [.. measured, .. means], markdown);
            return markdown;
        }

        QualityTable Open(string data)
        {
            var opened = new QualityTable(Version, data);
            var earlier = Path.Combine(output, $"{Name}.json");
            if (!fresh && File.Exists(earlier))
            {
                var left = opened.TakeOver(File.ReadAllText(earlier));
                if (left > 0)
                    Console.Error.WriteLine($"{left} rows in {earlier} are of other data or another version, and are left out.");
            }
            return opened;
        }

        // A row has intervals where the points of every seed were kept.
        void AddIntervals(JsonObject[] means)
        {
            var intervals = new QualityIntervals(items);
            var own = seeds.ConvertAll(seed => intervals.MeanQwk(Points(seed.Own)));
            var frozenBase = seeds.ConvertAll(seed => intervals.MeanQwk(Points(seed.FrozenBase)));
            var gw = Resampled(QualityRows.GromovWassersteinPlan);
            foreach (var mean in means.Where(IsMeanOfAll))
            {
                var name = QualityTable.Text(mean, "name")!;
                if (name is QualityRows.Individual or QualityRows.FrozenBase
                    || Resampled(name) is not { } served)
                    continue;
                Set(mean, "recoveredGain", QualityIntervals.RecoveredGain([.. served.Zip(own, frozenBase)]));
                if (gw is null || !name.StartsWith(QualityRows.Plans, StringComparison.Ordinal) || name == QualityRows.GromovWassersteinPlan)
                    continue;
                var best = means.First(row => IsMeanOfAll(row) && QualityTable.Text(row, "name") == QualityRows.GromovWassersteinPlan);
                mean["belowGw"] = QualityTable.Number(best, "qwk") - QualityTable.Number(mean, "qwk");
                Set(mean, "belowGw", QualityIntervals.Difference([.. gw.Zip(served)]));
            }

            // For each seed; null unless there are points for all. Random plans together are resampled as one: the mean over them.
            double[][]? Resampled(string name)
            {
                if (name == QualityRows.RandomPlans)
                {
                    double[][]?[] plans = [.. RandomNames().Select(Resampled)];
                    return plans.Contains(null) ? null : [.. seeds.Select((_, seed) => MeanOver([.. plans.Select(plan => plan![seed])]))];
                }
                double[][] resampled = [.. seeds
                    .Select(seed => table!.RecipeOf(name, seed.Seed) is { } recipe ? seed.PointsOf(recipe) : null)
                    .OfType<Dictionary<string, double[]>>()
                    .Select(intervals.MeanQwk)];
                return resampled.Length == seeds.Count ? resampled : null;
            }

            IEnumerable<string> RandomNames() => means.Where(IsMeanOfAll).Select(row => QualityTable.Text(row, "name")!)
                .Where(name => name.StartsWith(QualityRows.RandomPlan, StringComparison.Ordinal));

            static double[] MeanOver(double[][] plans) => [.. plans[0].Select((_, resample) => plans.Average(plan => plan[resample]))];

            bool IsMeanOfAll(JsonObject row) =>
                QualityTable.Text(row, "item") == QualityTable.AllItems && QualityTable.Number(row, "seeds") == seeds.Count;

            static Dictionary<string, double[]> Points(IReadOnlyDictionary<string, ScoredItem> scored) =>
                scored.ToDictionary(item => item.Key, item => item.Value.Points);

            static void Set(JsonObject row, string member, Interval interval)
            {
                if (!double.IsFinite(interval.Low))
                    return;
                row[$"{member}Low"] = interval.Low;
                row[$"{member}High"] = interval.High;
            }
        }
    }
}
