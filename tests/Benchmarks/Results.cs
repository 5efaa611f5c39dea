using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Benchmarks;

/// <summary>What a benchmark measured: flat rows, written as JSON and as a table, and printed.</summary>
sealed class Results(string name)
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    readonly List<JsonObject> rows = [];

    /// <summary>Adds a row; the first property is its <c>name</c>.</summary>
    public void Add(JsonObject row) => rows.Add(row);

    /// <summary>Writes <c>&lt;name&gt;.json</c> and <c>&lt;name&gt;.md</c>, replacing what an earlier, shorter run left.</summary>
    public void Write(string directory) => Write(directory, name, rows, Markdown());

    /// <summary>Writes rows and what is made of them, each file whole or not at all.</summary>
    public static void Write(string directory, string name, IEnumerable<JsonObject> rows, string markdown)
    {
        Directory.CreateDirectory(directory);
        var document = new JsonObject { ["environment"] = Environment(), ["rows"] = new JsonArray([.. rows.Select(r => r.DeepClone())]) };
        AtomicFile.Write(Path.Combine(directory, $"{name}.json"), Encoding.UTF8.GetBytes(document.ToJsonString(Indented) + "\n"));
        AtomicFile.Write(Path.Combine(directory, $"{name}.md"), Encoding.UTF8.GetBytes(markdown));
    }

    /// <summary>The rows as a table.</summary>
    public string Markdown()
    {
        var columns = rows.SelectMany(r => r.Select(p => p.Key)).Distinct().ToArray();
        return Heading(name) + Table(columns, rows.Select(row => columns.Select(c => Cell(row[c]))));
    }

    /// <summary>The title, the command and the machine.</summary>
    public static string Heading(string name)
    {
        var text = new StringBuilder($"# {name}\n\n`{Command}`\n\n");
        foreach (var (key, value) in Environment())
            text.Append(CultureInfo.InvariantCulture, $"* {key}: {value}\n");
        return text.Append('\n').ToString();
    }

    /// <summary>A table.</summary>
    public static string Table(IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows)
    {
        var head = columns.ToArray();
        var text = new StringBuilder("| ").AppendJoin(" | ", head).Append(" |\n|").AppendJoin("", head.Select(_ => "---|")).Append('\n');
        foreach (var row in rows)
            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        return text.ToString();
    }

    static string Command =>
        $"dotnet run -c Release --project tests/Benchmarks -- {string.Join(' ', System.Environment.GetCommandLineArgs().Skip(1))}";

    static string Cell(JsonNode? value) => value switch
    {
        null => "",
        JsonValue v when v.TryGetValue<double>(out var number) => number.ToString("0.####", CultureInfo.InvariantCulture),
        _ => value.ToString(),
    };

    static JsonObject Environment() => new()
    {
        ["processor"] = ProcessorName(),
        ["cores"] = System.Environment.ProcessorCount,
        ["memoryGiB"] = Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1),
        ["system"] = RuntimeInformation.OSDescription,
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["onnxRuntime"] = Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetVersionString(),
        ["date"] = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };

    static string ProcessorName() => File.Exists("/proc/cpuinfo")
        ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "unknown"
        : RuntimeInformation.ProcessArchitecture.ToString();
}
