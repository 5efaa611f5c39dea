using System.Text.Json;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Tests;

/// <summary>Reference numbers stored beside the tests.</summary>
static class Golden
{
    public static JsonElement Read(string file) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", file))).RootElement;

    public static Tensor Matrix(JsonElement rows) => Matrix(rows.Deserialize<double[][]>()!);

    public static Tensor Matrix(double[][] rows) =>
        new([rows.Length, rows[0].Length], [.. rows.SelectMany(row => row).Select(value => (float)value)]);
}
