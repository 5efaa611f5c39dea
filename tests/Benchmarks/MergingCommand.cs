using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;

namespace ScoringService.Benchmarks;

/// <summary>How long merging takes: the distances that a plan follows from, and the methods that need nothing but weights.</summary>
static class MergingCommand
{
    const int Samples = 256, Hidden = 384, Items = 11;

    /// <summary>The verb <c>merging</c>.</summary>
    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--out") { Description = "Where the results are written.", Required = true };
        var command = new Command("merging", "Time and memory of a merge's steps.") { output };
        command.SetAction((parsed, stop) =>
        {
            var results = new Results("merging");
            var random = new Random(0);
            var clouds = Enumerable.Range(0, Items).Select(i => KeyValuePair.Create($"item{i}", Cloud(random))).ToArray();
            var pair = Seconds(() => AlignmentMatrix.Of(clouds[..2], 1, null, stop));
            results.Add(Row("gw-pair-256", pair, null));
            results.Add(Row($"gw-{Items}-items", Seconds(() => AlignmentMatrix.Of(clouds, Environment.ProcessorCount, null, stop)), pair));
            foreach (var row in MergingFiles.Measure(stop))
                results.Add(row);
            results.Write(parsed.GetValue(output)!.FullName);
            Console.WriteLine(results.Markdown());
            return Task.FromResult(0);
        });
        return command;
    }

    static JsonObject Row(string name, double seconds, double? against) => new()
    {
        ["name"] = name,
        ["seconds"] = seconds,
        ["peakBytes"] = Process.GetCurrentProcess().PeakWorkingSet64,
        ["ratio"] = seconds / against,
        ["against"] = against is null ? null : "gw-pair-256",
    };

    // Correlated coordinates, as features have: independent ones make all distances alike, which is the easy case.
    static Tensor Cloud(Random random)
    {
        const int factors = 12;
        var mixing = Enumerable.Range(0, factors * Hidden).Select(_ => random.NextSingle() - 0.5f).ToArray();
        var values = new float[Samples * Hidden];
        for (var row = 0; row < Samples; row++)
        {
            for (var factor = 0; factor < factors; factor++)
            {
                var weight = MathF.Pow(random.NextSingle(), 3);
                for (var column = 0; column < Hidden; column++)
                    values[(row * Hidden) + column] += weight * mixing[(factor * Hidden) + column];
            }
        }
        return new([Samples, Hidden], values);
    }

    /// <summary>The median of several runs, after one that does not count: it runs code that is not compiled at its best yet.</summary>
    public static double Seconds(Action run, int runs = 5)
    {
        run();
        var times = Enumerable.Range(0, runs).Select(_ =>
        {
            var watch = Stopwatch.StartNew();
            run();
            return watch.Elapsed.TotalSeconds;
        }).Order().ToArray();
        return times[times.Length / 2];
    }
}
