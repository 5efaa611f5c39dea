using System.CommandLine;
using ScoringService.Inference.Bundles;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks.Serving;

/// <summary>How fast the service answers, beside the engine alone and other ways to serve the same items.</summary>
static class ServingCommand
{
    /// <summary>Name of the verb and of its results.</summary>
    public const string Name = "serving";

    /// <summary>The verb <c>serving</c>.</summary>
    public static Command Create()
    {
        var bundle = new Option<string?>("--bundle")
        {
            Description = "Bundle of one encoder to serve in place of the merged item models: its directory, or its id under ./data/bundles.",
        };
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Directory of CSV files, one per item.",
            DefaultValueFactory = _ => new(Path.Combine(AppContext.BaseDirectory, "samples", "science")),
        };
        var cache = new Option<DirectoryInfo>("--cache")
        {
            Description = "Where item models and bundles are kept; what is missing is made.",
            DefaultValueFactory = _ => new("cache"),
        };
        var seconds = new Option<double>("--seconds") { Description = "Seconds that a row is measured, each time.", DefaultValueFactory = _ => 10 };
        var repetitions = new Option<int>("--repetitions") { Description = "How often each row is measured.", DefaultValueFactory = _ => 3 };
        var soakSeconds = new Option<double>("--soak-seconds") { Description = "How long the soak lasts.", DefaultValueFactory = _ => 300 };
        var batch = new Option<int>("--batch-responses")
        {
            Description = "Responses of the score batch.",
            DefaultValueFactory = _ => 1_000_000,
        };
        var rows = new Option<string>("--rows")
        {
            Description = "Rows to measure, separated by commas, or 'all'; rows that they are held against come with them.",
            DefaultValueFactory = _ => "all",
        };
        var output = new Option<DirectoryInfo>("--out") { Description = "Where the results are written, row by row.", Required = true };

        var command = new Command(Name, "How fast the service answers.")
        {
            bundle, data, cache, seconds, repetitions, soakSeconds, batch, rows, output,
        };
        command.SetAction(async (parsed, stop) =>
        {
            var wanted = ServingRows.Named(parsed.GetValue(rows)!);
            var items = ItemDataFile.ReadDirectory(parsed.GetValue(data)!.FullName);
            var given = parsed.GetValue(bundle) is { } name ? DirectoryOf(name) : null;
            if (given is not null)
                items = [.. items.Where(data => Bundle.Open(given).Items.ContainsKey(data.Item.Id))];
            var cacheDirectory = parsed.GetValue(cache)!.FullName;
            using var run = new ServingRun(
                new(new(items, new TrainingRecipe(), cacheDirectory, stop), cacheDirectory, given),
                items,
                wanted,
                new(parsed.GetValue(seconds), parsed.GetValue(soakSeconds), parsed.GetValue(batch)),
                parsed.GetValue(output)!.FullName,
                stop);
            for (var repetition = 0; repetition < parsed.GetValue(repetitions); repetition++)
                await run.RepeatAsync();
            await run.FinishAsync();
            Console.WriteLine(run.Markdown);
            return run.IsComplete ? 0 : 1;
        });
        return command;
    }

    static string DirectoryOf(string bundle) =>
        new[] { bundle, Path.Combine("data", "bundles", bundle) }.FirstOrDefault(Directory.Exists) is { } found
        ? Path.GetFullPath(found)
        : throw new ArgumentException($"There is no bundle '{bundle}', neither as a directory nor under ./data/bundles.");
}
