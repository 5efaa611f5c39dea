using System.Collections.Immutable;
using System.CommandLine;
using System.Diagnostics;
using System.Text.Json.Nodes;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;

namespace ScoringService.Benchmarks;

/// <summary>
/// Time and memory of merging checkpoints on disk, each method in a process of its own, against reading the same files once.
/// </summary>
/// <remarks>
/// Eleven encoders and their base, of MiniLM's size, hold 12 × 90 MB. The floor of a method that passes over them once is copying those 1.08 GB from
/// the page cache and 90 MB back into it; all tensors differ, so nothing is shared. TIES passes over them four times: three times to find the kept
/// magnitudes, once to merge; over the whole model a fifth time for the majority's sign. AWD passes twice. What is written is not flushed to the
/// medium, as what is read does not come from there.
/// </remarks>
static class MergingFiles
{
    const int Items = 11, Runs = 5;
    const string ReadFiles = "read-files", Nothing = "runtime";

    static readonly ImmutableArray<string> Ids = [.. Enumerable.Range(0, Items).Select(i => $"item{i}")];

    static readonly ImmutableSortedDictionary<string, StaticMethod> Methods = new Dictionary<string, StaticMethod>
    {
        ["simple-average"] = new SimpleAverage(),
        ["task-arithmetic"] = new TaskArithmetic(),
        ["ties"] = new Ties(),
        ["ties-model"] = new Ties { Scope = TrimScope.Model },
        ["dare"] = new Dare(),
        ["awd"] = new Awd(),
    }.ToImmutableSortedDictionary();

    /// <summary>The verb that measures one row in this process; <see cref="Measure"/> calls it.</summary>
    public static Command CreateChild()
    {
        var name = new Argument<string>("name");
        var directory = new Argument<DirectoryInfo>("directory");
        var command = new Command("merging-row", "One row of 'merging'.") { name, directory };
        command.Hidden = true;
        command.SetAction((parsed, stop) =>
        {
            Console.WriteLine(Row(parsed.GetValue(name)!, parsed.GetValue(directory)!.FullName, stop).ToJsonString());
            return Task.FromResult(0);
        });
        return command;
    }

    /// <summary>Writes the checkpoints, and measures every method.</summary>
    public static IEnumerable<JsonObject> Measure(CancellationToken stop)
    {
        var directory = Directory.CreateTempSubdirectory("merging").FullName;
        try
        {
            foreach (var (name, seed) in Ids.Prepend("base").Select((name, seed) => (name, seed)))
                WriteCheckpoint(Path.Combine(directory, name), seed, stop);
            var runtime = Child(Nothing, directory, stop);
            var read = Child(ReadFiles, directory, stop);
            yield return read;
            foreach (var name in Methods.Keys)
            {
                var row = Child(name, directory, stop);
                row["ratio"] = row["seconds"]!.GetValue<double>() / read["seconds"]!.GetValue<double>();
                row["against"] = ReadFiles;
                row["peakBytesAboveRuntime"] = row["peakBytes"]!.GetValue<long>() - runtime["peakBytes"]!.GetValue<long>();
                yield return row;
            }
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    static JsonObject Child(string name, string directory, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var program = OwnProgram.With("merging-row", name, directory);
        program.RedirectStandardOutput = true;
        using var process = Process.Start(program)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? JsonNode.Parse(output)!.AsObject()
            : throw new InvalidOperationException($"Measuring '{name}' ended with {process.ExitCode}.");
    }

    static JsonObject Row(string name, string directory, CancellationToken stop)
    {
        Action run = name switch
        {
            Nothing => () => { },
            ReadFiles => () => ReadAll(directory),
            _ => () => Merged(Methods[name], directory, stop),
        };
        return new() { ["name"] = name, ["seconds"] = MergingCommand.Seconds(run, Runs), ["peakBytes"] = Process.GetCurrentProcess().PeakWorkingSet64 };
    }

    // As a program that wants nothing but the bytes would: in order, into one buffer.
    static void ReadAll(string directory)
    {
        var buffer = new byte[1 << 20];
        foreach (var name in Ids.Prepend("base"))
        {
            using var file = File.OpenHandle(WeightsOf(directory, name), options: FileOptions.SequentialScan);
            for (long offset = 0, read; (read = RandomAccess.Read(file, buffer, offset)) > 0; offset += read)
            {
            }
        }
    }

    static void Merged(StaticMethod method, string directory, CancellationToken stop)
    {
        using var start = Checkpoint.OpenEncoder(Path.Combine(directory, "base"));
        var items = Ids.ToDictionary(id => id, id => Checkpoint.OpenEncoder(Path.Combine(directory, id)));
        var output = Path.Combine(directory, "merged.safetensors");
        using (var writer = new SafetensorsWriter(output, start.Shapes))
        {
            var stores = items.ToDictionary(item => item.Key, ITensorStore (item) => item.Value);
            Merge.Write(method, start, Ids, stores, writer, Environment.ProcessorCount, stop);
            writer.Complete();
        }
        File.Delete(output);
        foreach (var item in items.Values)
            item.Dispose();
    }

    static void WriteCheckpoint(string directory, int seed, CancellationToken stop)
    {
        var config = new BertConfig
        {
            VocabularySize = 30522, HiddenSize = 384, Layers = 6, AttentionHeads = 12, IntermediateSize = 1536, MaxPositions = 512,
        };
        // The same weights for all, and a change of at most one in twenty of their size for each item.
        var (common, own) = (new Random(0), new Random(seed));
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, shape) in BertTensors.Shapes(config))
        {
            stop.ThrowIfCancellationRequested();
            tensors[name] = new Tensor(shape, new float[shape.Aggregate(1, (length, size) => length * size)]);
            foreach (ref var value in tensors[name].Values.AsSpan())
                value = common.NextSingle() - .5f + (seed == 0 ? 0 : (own.NextSingle() - .5f) * own.NextSingle() / 20);
        }
        new Checkpoint(config, tensors, null, new Dictionary<string, byte[]> { ["vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"u8.ToArray() }).Save(directory);
    }

    static string WeightsOf(string directory, string name) => Path.Combine(directory, name, "model.safetensors");
}
