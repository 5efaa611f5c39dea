using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace ScoringService.Benchmarks;

/// <summary>What a benchmark measured: flat rows, written as JSON and as a table, and printed.</summary>
sealed class Results(string name)
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    readonly List<JsonObject> rows = [];

    /// <summary>Adds a row; the first property is its <c>name</c>.</summary>
    public void Add(JsonObject row) => rows.Add(row);

    /// <summary>Writes <c>&lt;name&gt;.json</c> and <c>&lt;name&gt;.md</c>, replacing what an earlier, shorter run left.</summary>
    public void Write(string directory, Func<JsonObject, bool>? inTable = null)
    {
        Directory.CreateDirectory(directory);
        var document = new JsonObject { ["environment"] = Environment(), ["rows"] = new JsonArray([.. rows.Select(r => r.DeepClone())]) };
        File.WriteAllText(Path.Combine(directory, $"{name}.json"), document.ToJsonString(Indented) + "\n");
        File.WriteAllText(Path.Combine(directory, $"{name}.md"), Markdown(inTable));
    }

    /// <summary>The rows as a table.</summary>
    public string Markdown(Func<JsonObject, bool>? inTable = null)
    {
        var text = new StringBuilder($"# {name}\n\n`{Command}`\n\n");
        foreach (var (key, value) in Environment())
            text.Append(CultureInfo.InvariantCulture, $"* {key}: {value}\n");

        var shown = rows.Where(r => inTable is null || inTable(r)).ToArray();
        var columns = shown.SelectMany(r => r.Select(p => p.Key)).Distinct().ToArray();
        text.Append('\n').Append("| ").AppendJoin(" | ", columns).Append(" |\n|").Append(string.Concat(columns.Select(_ => "---|"))).Append('\n');
        foreach (var row in shown)
            text.Append("| ").AppendJoin(" | ", columns.Select(c => Cell(row[c]))).Append(" |\n");
        return text.ToString();
    }

    static string Command => $"dotnet run -c Release --project tests/Benchmarks -- {string.Join(' ', System.Environment.GetCommandLineArgs().Skip(1))}";

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
