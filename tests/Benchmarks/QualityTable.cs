using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Benchmarks;

/// <summary>
/// What the quality benchmark has measured so far. Every row carries what it was measured from, so that a later run takes over what still holds: rows
/// on the same data by the same version, and, of those it measures itself, rows of the same recipe.
/// </summary>
/// <param name="version">Version of the tool.</param>
/// <param name="data">Hash of the data and of how item models are trained.</param>
sealed class QualityTable(string version, string data)
{
    /// <summary>A row's item where it is the mean over all.</summary>
    public const string AllItems = "all";

    /// <summary>A row's item where it is the mean over those that share their encoder.</summary>
    public const string MergedOnly = "merged-only";

    /// <summary>A row's seed where it is the mean over seeds.</summary>
    public const string MeanSeed = "mean";

    static readonly string[] WithDeviation = ["accuracy", "macroF1", "qwk", "recoveredGain", "recoveredGainMacroF1", "validationQwk"];

    readonly List<JsonObject> rows = [];

    /// <summary>The measured rows, by seed in the order they came.</summary>
    public IEnumerable<JsonObject> Measured => rows.OrderBy(SeedOf);

    /// <summary>Takes over rows of an earlier run that are of the same data and version; means follow from them.</summary>
    /// <param name="json">What an earlier run wrote.</param>
    /// <returns>How many rows it does not take over.</returns>
    public int TakeOver(string json)
    {
        var all = JsonNode.Parse(json)?["rows"]?.AsArray() ?? [];
        JsonObject[] earlier = [.. all.OfType<JsonObject>().Where(row => Number(row, "seed") is not null)];
        var holding = earlier.Where(row => Text(row, "version") == version && Text(row, "data") == data).ToArray();
        rows.AddRange(holding.Select(row => (JsonObject)row.DeepClone()));
        return earlier.Length - holding.Length;
    }

    /// <summary>Whether a row has been measured with that recipe.</summary>
    public bool Has(string name, int seed, string recipe) => Of(name, seed).Any(row => Text(row, "recipe") == recipe);

    /// <summary>Hash of the recipe that a row was measured with; null where it was not.</summary>
    public string? RecipeOf(string name, int seed) => Of(name, seed).Select(row => Text(row, "recipe")).FirstOrDefault();

    /// <summary>Puts rows of a recipe that has been measured under another name under this name as well, if there are any.</summary>
    public bool TakeFromNamesake(string name, int seed, string recipe)
    {
        if (rows.FirstOrDefault(row => SeedOf(row) == seed && Text(row, "recipe") == recipe) is not { } namesake)
            return false;
        var copies = Of(Text(namesake, "name")!, seed).Select(row =>
        {
            var copy = (JsonObject)row.DeepClone();
            copy["name"] = name;
            return copy;
        }).ToArray();
        Replace(name, seed, copies);
        return true;
    }

    /// <summary>Puts in what was measured, in place of what there was of that name and seed.</summary>
    /// <param name="name">Name of the row.</param>
    /// <param name="seed">Its seed.</param>
    /// <param name="recipe">Hash of its recipe.</param>
    /// <param name="measured">What was measured.</param>
    /// <param name="own">What the items' own models reach.</param>
    /// <param name="frozenBase">What the frozen base reaches.</param>
    public void Put(
        string name, int seed, string recipe, MeasuredRow measured, IReadOnlyDictionary<string, ScoredItem> own,
        IReadOnlyDictionary<string, ScoredItem> frozenBase)
    {
        string[] items = [.. own.Keys];
        var placed = items.Select(item => Row(item, [item])).Append(Row(AllItems, items)).ToList();
        if (measured.Merged.Length > 0 && measured.Merged.Length < items.Length)
            placed.Add(Row(MergedOnly, [.. measured.Merged]));
        Replace(name, seed, placed);

        JsonObject Row(string item, string[] of)
        {
            MetricSet Mean(IReadOnlyDictionary<string, ScoredItem> from) => MetricSet.Mean([.. of.Select(id => from[id].Scores.Test!)]);
            var (metrics, best, worst) = (Mean(measured.Items), Mean(own), Mean(frozenBase));
            return new()
            {
                ["name"] = name,
                ["item"] = item,
                ["seed"] = seed,
                ["accuracy"] = metrics.Accuracy,
                ["macroF1"] = metrics.MacroF1,
                ["microF1"] = metrics.MicroF1,
                ["exactMatch"] = metrics.ExactMatch,
                ["perLabelAccuracy"] = metrics.PerLabelAccuracy,
                ["qwk"] = metrics.Qwk,
                ["recoveredGain"] = RecoveredGain(metrics.Qwk, best.Qwk, worst.Qwk),
                ["recoveredGainMacroF1"] = RecoveredGain(metrics.MacroF1, best.MacroF1, worst.MacroF1),
                ["validationQwk"] = of.Average(id => measured.Items[id].Scores.Validation?.Qwk),
                ["n"] = metrics.N,
                ["encoders"] = measured.Encoders,
                ["bytes"] = measured.Bytes,
                ["parameters"] = measured.Parameters,
                ["seconds"] = measured.Seconds is { } seconds ? Math.Round(seconds, 1) : null,
                ["recipe"] = recipe,
                ["data"] = data,
                ["version"] = version,
            };
        }
    }

    /// <summary>How much of what fine-tuning gained is kept; null where it gained nothing.</summary>
    public static double? RecoveredGain(double served, double own, double frozenBase) =>
        own > frozenBase ? (served - frozenBase) / (own - frozenBase) : null;

    /// <summary>Means over seeds, for rows of two seeds or more.</summary>
    public IEnumerable<JsonObject> Means() =>
        from row in rows
        group row by (Name: Text(row, "name")!, Item: Text(row, "item")!) into seeds
        where seeds.Count() > 1
        select Mean(seeds.Key.Name, seeds.Key.Item, seeds.Count(), [.. seeds]);

    /// <summary>
    /// Means over rows of every number, with the sample standard deviation of those that quality is read from. A number that one of the rows lacks
    /// has no mean; of what is no number there remains what is the same in all.
    /// </summary>
    /// <param name="name">Name of the row of means.</param>
    /// <param name="item">Its item.</param>
    /// <param name="seeds">Seeds they are of.</param>
    /// <param name="rows">The rows, at least two.</param>
    public static JsonObject Mean(string name, string item, int seeds, IReadOnlyCollection<JsonObject> rows)
    {
        var mean = new JsonObject { ["name"] = name, ["item"] = item, ["seed"] = MeanSeed, ["seeds"] = seeds };
        foreach (var (member, value) in rows.First())
        {
            if (mean.ContainsKey(member))
                continue;
            double[] values = [.. rows.Select(row => Number(row, member)).OfType<double>()];
            if (values.Length < rows.Count)
            {
                mean[member] = rows.All(row => JsonNode.DeepEquals(row[member], value)) ? value?.DeepClone() : null;
                continue;
            }
            var average = values.Average();
            mean[member] = average;
            if (WithDeviation.Contains(member))
                mean[$"{member}Sd"] = Math.Sqrt(values.Sum(number => (number - average) * (number - average)) / (values.Length - 1));
        }
        return mean;
    }

    /// <summary>A row's text, or null.</summary>
    public static string? Text(JsonObject row, string member) =>
        row[member] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>A row's number, or null.</summary>
    public static double? Number(JsonObject row, string member) => row[member] switch
    {
        JsonValue value when value.GetValueKind() == JsonValueKind.Number => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture),
        _ => null,
    };

    IEnumerable<JsonObject> Of(string name, int seed) => rows.Where(row => Text(row, "name") == name && SeedOf(row) == seed);

    void Replace(string name, int seed, IReadOnlyCollection<JsonObject> by)
    {
        rows.RemoveAll(row => Text(row, "name") == name && SeedOf(row) == seed);
        rows.AddRange(by);
    }

    static int SeedOf(JsonObject row) => (int)Number(row, "seed")!.Value;
}
