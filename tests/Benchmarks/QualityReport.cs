using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace ScoringService.Benchmarks;

/// <summary>The quality benchmark's rows as tables for people.</summary>
static class QualityReport
{
    static readonly string[] TotalColumns =
        ["row", "over", "seeds", "encoders", "MB", "QWK", "accuracy", "macro F1", "gain", "gain, macro F1", "validation QWK", "seconds"];

    /// <summary>Totals over seeds, goals, totals of each seed, and QWK item by item.</summary>
    /// <param name="measured">Rows of single seeds.</param>
    /// <param name="means">Rows of means over seeds.</param>
    public static string Markdown(IReadOnlyCollection<JsonObject> measured, IReadOnlyCollection<JsonObject> means)
    {
        var text = new StringBuilder(Results.Heading("quality"))
            .Append("Means over items, on test responses. Gain is the recovered gain: what a merge keeps of the difference between the frozen base ")
            .Append("(0) and the items' own models (1); in brackets its 95 % interval over test responses. Choices are made on validation QWK. ")
            .Append("Seconds are those of merging, fitting heads and evaluating, with item models, references and distances at hand.\n");
        var seeds = measured.GroupBy(row => (int)QualityTable.Number(row, "seed")!.Value).OrderBy(group => group.Key).ToArray();
        // A row of one seed only has no mean, and stands for itself.
        JsonObject[] finest = [.. means, .. measured.Where(row => !means.Any(mean => Name(mean) == Name(row) && Item(mean) == Item(row)))];
        if (means.Count > 0)
            Section(text, "Over seeds (mean ± standard deviation)", TotalColumns, finest.Where(IsTotal).Select(Total));
        if (QualityGoals.Rows(finest).ToArray() is { Length: > 0 } goals)
            Section(text, "Goals", ["row", "over", "metric", "at least", "measured", "", "why"], goals);
        if (means.Any(row => row.ContainsKey("belowGw")))
        {
            Section(text, $"Plans: how far QWK lies below that of {QualityRows.GromovWassersteinPlan}", ["plan", "below", "95 %"],
                from row in means
                where row.ContainsKey("belowGw")
                select new[] { Name(row), Number(QualityTable.Number(row, "belowGw")), Brackets(row, "belowGw") });
        }
        foreach (var seed in seeds)
            Section(text, $"Seed {seed.Key}", TotalColumns, seed.Where(IsTotal).Select(Total));

        string[] items = [.. finest.Where(row => !IsTotal(row)).Select(row => QualityTable.Text(row, "item")!).Distinct()];
        Section(text, means.Count > 0 ? "QWK by item, means over seeds" : "QWK by item", ["row", .. items],
            finest.Where(row => !IsTotal(row)).GroupBy(Name).Select(rows => items
                .Select(item => Number(rows.Where(row => QualityTable.Text(row, "item") == item).Select(Qwk).FirstOrDefault()))
                .Prepend(rows.Key)));
        return text.ToString();
    }

    /// <summary>A number to three places.</summary>
    public static string Number(double? value) => value?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";

    static string[] Total(JsonObject row) =>
    [
        Name(row),
        Item(row),
        QualityTable.Number(row, "seeds")?.ToString(CultureInfo.InvariantCulture) ?? "1",
        Number(row, "encoders", "0.#"),
        (QualityTable.Number(row, "bytes") / 1e6)?.ToString("0", CultureInfo.InvariantCulture) ?? "",
        WithDeviation(row, "qwk"),
        WithDeviation(row, "accuracy"),
        WithDeviation(row, "macroF1"),
        $"{WithDeviation(row, "recoveredGain")} {Brackets(row, "recoveredGain")}".Trim(),
        WithDeviation(row, "recoveredGainMacroF1"),
        WithDeviation(row, "validationQwk"),
        Number(row, "seconds", "0"),
    ];

    static void Section(StringBuilder text, string title, IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows) =>
        text.Append("\n## ").Append(title).Append("\n\n").Append(Results.Table(columns, rows));

    static bool IsTotal(JsonObject row) => QualityTable.Text(row, "item") is QualityTable.AllItems or QualityTable.MergedOnly;

    static string Name(JsonObject row) => QualityTable.Text(row, "name")!;

    static string Item(JsonObject row) => QualityTable.Text(row, "item")!;

    static double? Qwk(JsonObject row) => QualityTable.Number(row, "qwk");

    static string Number(JsonObject row, string member, string format) =>
        QualityTable.Number(row, member)?.ToString(format, CultureInfo.InvariantCulture) ?? "";

    static string WithDeviation(JsonObject row, string member) =>
        Number(QualityTable.Number(row, member)) + (QualityTable.Number(row, $"{member}Sd") is { } deviation ? $" ± {Number(deviation)}" : "");

    static string Brackets(JsonObject row, string member) =>
        QualityTable.Number(row, $"{member}Low") is { } low ? $"[{Number(low)}, {Number(QualityTable.Number(row, $"{member}High"))}]" : "";
}
