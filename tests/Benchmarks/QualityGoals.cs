using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;

namespace ScoringService.Benchmarks;

/// <summary>What a row is meant to reach.</summary>
/// <param name="Name">The row.</param>
/// <param name="Item">Over which items.</param>
/// <param name="Metric">Member of the row.</param>
/// <param name="AtLeast">Smallest value that reaches the goal.</param>
/// <param name="Why">Where the goal comes from.</param>
sealed record QualityGoal(string Name, string Item, string Metric, double AtLeast, string Why);

/// <summary>The goals there are.</summary>
static class QualityGoals
{
    const string Gain = "recoveredGain";

    static readonly ImmutableArray<QualityGoal> All =
    [
        new("gw-smm/regmean", QualityTable.MergedOnly, Gain, 0.8, "six groups of eleven by Gromov-Wasserstein distance"),
        new("gw-smm/ties", QualityTable.MergedOnly, Gain, 0.8, "six groups of eleven by Gromov-Wasserstein distance"),
        new("e-wemoe/recommended", QualityTable.AllItems, Gain, 0.8, "one encoder for all items"),
        new("wemoe/recommended", QualityTable.AllItems, Gain, 0.85, "one encoder for all items"),
        new("distill", QualityTable.AllItems, Gain, 0.95, "no label, one encoder, at most a quarter of the bytes"),
        new("low-rank", QualityTable.AllItems, Gain, 0.95, "no label, one encoder, at most a quarter of the bytes"),
        new("multi-task", QualityTable.AllItems, Gain, 1, "one encoder that equals the models of all items"),
    ];

    /// <summary>The goals beside what was measured; only those whose row was.</summary>
    /// <param name="rows">Means over seeds where there are any, otherwise the rows of the one seed.</param>
    public static IEnumerable<string[]> Rows(IReadOnlyCollection<JsonObject> rows) =>
        from goal in All
        from row in rows
        where QualityTable.Text(row, "name") == goal.Name && QualityTable.Text(row, "item") == goal.Item
        let measured = QualityTable.Number(row, goal.Metric)
        select new[]
        {
            goal.Name, goal.Item, goal.Metric, goal.AtLeast.ToString(CultureInfo.InvariantCulture), QualityReport.Number(measured),
            measured >= goal.AtLeast ? "reached" : "missed", goal.Why,
        };
}
