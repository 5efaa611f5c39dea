using System.Text.Json.Nodes;

namespace ScoringService.Benchmarks.Serving;

/// <summary>What was measured, repetition by repetition.</summary>
sealed class ServingTable
{
    readonly Dictionary<string, List<JsonObject>> measured = [];

    /// <summary>Adds what a repetition measured for a row, after the row it is held against; its ratio is to that row's latest repetition.</summary>
    public void Add(string name, JsonObject values)
    {
        var row = ServingRows.All.First(row => row.Name == name);
        if (row.Against is { } against && Latest(against, row.Divisor) is { } divisor && QualityTable.Number(values, row.Metric) is { } metric)
            values["ratio"] = metric / divisor;
        if (!measured.TryGetValue(name, out var repetitions))
            measured.Add(name, repetitions = []);
        repetitions.Add(values);
    }

    /// <summary>A number of a row's latest repetition; null where there is none.</summary>
    public double? Latest(string name, string member) =>
        measured.TryGetValue(name, out var repetitions) ? QualityTable.Number(repetitions[^1], member) : null;

    /// <summary>The rows: of each number the median over repetitions, of the ratio that of the ratios.</summary>
    public IEnumerable<JsonObject> Rows() =>
        from row in ServingRows.All
        where measured.ContainsKey(row.Name)
        select Median(row, measured[row.Name]);

    /// <summary>The middle one; of an even number the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    static JsonObject Median(ServingRow row, List<JsonObject> repetitions)
    {
        var median = new JsonObject { ["name"] = row.Name };
        foreach (var member in repetitions.SelectMany(values => values.Select(value => value.Key)).Distinct())
        {
            double[] numbers = [.. repetitions.Select(values => QualityTable.Number(values, member)).OfType<double>()];
            median[member] = numbers.Length > 0 ? Rounded(Median(numbers)) : repetitions[^1][member]?.DeepClone();
        }
        median["against"] = median.ContainsKey("ratio") ? row.Against : null;
        median["repetitions"] = repetitions.Count;
        median["note"] = row.Note;
        return median;
    }

    // Four decimals say more than any of these measurements knows.
    static double Rounded(double number) => Math.Round(number, 4);
}
