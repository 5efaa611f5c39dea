using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Training;

namespace ScoringService.Benchmarks;

/// <summary>How fast an item is fine-tuned, against the forward pass on the same batches.</summary>
static class TrainingCommand
{
    const int BatchSize = 16, Repeats = 5, Batches = 20;

    /// <summary>The verb <c>training</c>.</summary>
    public static Command Create()
    {
        var data = new Option<FileInfo>("--data") { Description = "CSV file of one item.", Required = true };
        var output = new Option<DirectoryInfo>("--out") { Description = "Where the results are written.", Required = true };
        var command = new Command("training", "Training steps against forward passes on the same batches.") { data, output };
        command.SetAction((parsed, stop) =>
        {
            var results = new Results("training");
            var item = ItemDataFile.Read(parsed.GetValue(data)!.FullName);
            foreach (var threads in new[] { 1, 2 })
                Measure(item, threads, results, stop);
            results.Write(parsed.GetValue(output)!.FullName);
            Console.WriteLine(results.Markdown());
            return Task.FromResult(0);
        });
        return command;
    }

    static void Measure(ItemData data, int threads, Results results, CancellationToken stop)
    {
        var baseModel = new BaseModel();
        var (checkpoint, runtime) = (baseModel.Checkpoint, new RuntimeOptions { Threads = threads });
        var labels = data.Item.Labels.Length;
        var batches = data.Train.Chunk(BatchSize).Take(Batches).Where(batch => batch.Length == BatchSize).Select(batch => (
            Ids: batch.Select(response => baseModel.Tokenizer.Encode(response.Text, 128)).ToArray(),
            Examples: batch.Select(Example).ToArray())).ToArray();

        var opening = Stopwatch.StartNew();
        var head = new Head(new([labels, checkpoint.Config.HiddenSize], new float[labels * checkpoint.Config.HiddenSize]), new([labels], new float[labels]));
        using var trainer = EncoderTrainer.ForItem(new(data.Item, checkpoint.Config, checkpoint.Encoder, head), new(), threads, stop);
        var openedIn = opening.Elapsed;
        using var encoder = EncoderSession.Create(checkpoint.Config, checkpoint.Encoder, new EncoderOutput(), runtime);
        var pooled = new float[BatchSize * checkpoint.Config.HiddenSize];

        // Taken in turn, so that what else the machine does falls on both alike.
        var (training, forward) = (new List<double>(), new List<double>());
        for (var repeat = 0; repeat <= Repeats; repeat++)
        {
            var forwardRate = Rate(batches, batch => encoder.Encode(Array.ConvertAll(batch.Ids, ids => new EncoderInput(ids)), pooled));
            var trainingRate = Rate(batches, batch => trainer.Step(batch.Examples, 0.01f));
            if (repeat == 0)
                continue;
            forward.Add(forwardRate);
            training.Add(trainingRate);
        }

        results.Add(new JsonObject
        {
            ["name"] = $"threads-{threads}",
            ["trainingResponsesPerSecond"] = Median(training),
            ["forwardResponsesPerSecond"] = Median(forward),
            ["ratio"] = Median(forward.Zip(training, (f, t) => f / t)),
            ["openSeconds"] = openedIn.TotalSeconds,
            ["peakMiB"] = Process.GetCurrentProcess().PeakWorkingSet64 >> 20,
        });

        TrainingExample Example(LabelledResponse response) =>
            new(baseModel.Tokenizer.Encode(response.Text, 128), Item: 0, [.. response.Labels.Select(holds => holds ? 1f : 0f)]);
    }

    static double Rate<T>(T[] batches, Action<T> run)
    {
        var watch = Stopwatch.StartNew();
        foreach (var batch in batches)
            run(batch);
        return batches.Length * BatchSize / watch.Elapsed.TotalSeconds;
    }

    static double Median(IEnumerable<double> values) => values.Order().ToArray() is var sorted ? sorted[sorted.Length / 2] : 0;
}
