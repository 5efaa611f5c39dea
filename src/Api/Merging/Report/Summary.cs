using ScoringService.Merging;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Api.Merging.Report;

/// <summary>What a merge did, in plain words: what it saved, what it cost, whether the floor held, and whether it was worth it.</summary>
static class Summary
{
    /// <summary>Writes it.</summary>
    /// <param name="report">The report.</param>
    /// <param name="maxDrop">Largest drop that the recipe's floor allows; null for no floor.</param>
    /// <param name="floorMetric">What the floor compares.</param>
    public static Markup Write(MergeReport report, double? maxDrop, string floorMetric)
    {
        var (merged, bytes) = (report.Items.Count(item => item.Merged), report.Bytes > 0 ? report.Bytes : sizeof(float) * report.Parameters);
        return Markup.Of($"""<section class="cards">""")
            .Add($"{Card("Encoders kept", $"{report.Encoders}", $"for {Count(report.Items.Length, "item")}")}")
            .Add($"{Card("Size", $"{Numbers.Bytes(bytes)}", $"{report.Parameters / 1e6:0.0} million parameters")}")
            .Add($"{Card("Encoder time", $"{report.MillisecondsPerResponse:0.00} ms", $"a response, in batches, where it was made")}")
            .Add($"{Card("QWK on test", $"{Numbers.Metric(report.All.Served?.Qwk)}", Beside(report.All))}")
            .Add($"{Card("Recovered gain", $"{Numbers.Percent(report.All.RecoveredGain)}", Recovered(report.Comparison?.All?.RecoveredGain))}")
            .Add($"</section>")
            .Add($"""<section class="summary"><h2>In short</h2><ul>""")
            .Add($"<li>{Done(report, merged)}</li><li>{Saved(report)}</li><li>{Cost(report)}</li><li>{Verdict(report, merged)}</li>")
            .Add($"<li>{Floor(report, maxDrop, floorMetric)}</li></ul></section>");
    }

    static Markup Card(string name, FormattableString value, FormattableString note) => Markup.Of(
        $"""<div class="card"><div class="card-name">{name}</div><div class="card-value">{Markup.Of(value)}</div>""")
        .Add($"""<div class="card-note">{Markup.Of(note)}</div></div>""");

    static FormattableString Beside(TotalReport total) => total.Own is null
        ? $"frozen base {Numbers.Metric(total.FrozenBase?.Qwk)}"
        : (FormattableString)$"own models {Numbers.Metric(total.Own.Qwk)}, frozen base {Numbers.Metric(total.FrozenBase?.Qwk)}";

    static FormattableString Recovered(Interval? interval) => interval is null
        ? $"of what fine-tuning gained in QWK"
        : (FormattableString)$"of what fine-tuning gained in QWK; 95\u00a0%: {Numbers.Percent(interval.Low)} to {Numbers.Percent(interval.High)}";

    static Markup Done(MergeReport report, int merged)
    {
        var alone = report.Items.Length - merged;
        return Markup.Of($"<b>What was done.</b> {Count(report.Items.Length, "item")} in {Count(report.Groups.Length, "group")} ")
            .Add($"by {report.Method?.Name ?? "merging"}: {merged} of them share an encoder with another, ")
            .Add($"{alone} {(alone == 1 ? "stands" : "stand")} alone.");
    }

    static Markup Saved(MergeReport report) => report.Encoders < report.Items.Length
        ? Markup.Of($"<b>What it saves.</b> {Count(report.Encoders, "encoder")} in memory in the place of {report.Items.Length}: ")
            .Add($"{Numbers.Percent(1 - ((double)report.Encoders / report.Items.Length))} fewer.")
        : Markup.Of($"<b>What it saves.</b> Nothing: every item has an encoder of its own.");

    static Markup Cost(MergeReport report)
    {
        var cost = Markup.Of($"<b>What it costs.</b> ");
        if (report.All is not { Own: { } own, Served: { } served })
            return cost.Add($"Unknown: an item has no model of its own, or no test responses, to compare with.");
        cost.Add($"Mean QWK over all items is {Numbers.Metric(served.Qwk)}; the items' own models reach {Numbers.Metric(own.Qwk)}");
        return report.Comparison?.All?.VersusOwn?.Qwk is { } difference ? cost.Add($" ({Stated(difference)}).") : cost.Add($".");
    }

    /// <summary>Over the merged items where there are any: items that stand alone would flatter the merge.</summary>
    static Markup Verdict(MergeReport report, int merged)
    {
        var only = merged > 0 && merged < report.Items.Length;
        var verdict = Markup.Of($"<b>Was it worth merging?</b> ");
        if ((only ? report.Comparison?.MergedOnly : report.Comparison?.All)?.VersusFrozenBase.Qwk is not { } difference)
            return verdict.Add($"Not known: without test responses it cannot be compared with the frozen base.");
        var over = only ? "on the merged items" : "on all items";
        return difference switch
        {
            { Value: 0, Low: 0, High: 0 } => verdict.Add($"What is served decides exactly as the base model with fitted heads does {over}."),
            { Low: > 0 } => verdict.Add($"""<span class="good">Yes.</span> It beats the base model with fitted heads, which costs one encoder """)
                .Add($"and no merge, {over}: {Stated(difference)} in QWK."),
            { High: < 0 } => verdict.Add($"""<span class="bad">No.</span> The base model with fitted heads, one encoder and no merge, """)
                .Add($"scores better {over}: {Stated(difference)} in QWK."),
            _ => verdict.Add($"""<span class="doubt">Not shown.</span> Against the base model with fitted heads, which costs one encoder """)
                .Add($"and no merge, the difference {over} may be chance: {Stated(difference)} in QWK."),
        };
    }

    static Markup Floor(MergeReport report, double? maxDrop, string metric)
    {
        var floor = Markup.Of($"<b>The floor.</b> ");
        if (maxDrop is not { } drop)
            return floor.Add($"The recipe sets none.");
        floor.Add($"At most {drop} of {metric} may be lost on validation against an item's own model. ");
        var unmerged = report.Items.Where(item => item.Unmerged).Select(item => item.ItemId).ToArray();
        var breached = report.Items.Where(item => item.HoldsFloor == false).Select(item => item.ItemId).ToArray();
        if (unmerged.Length > 0)
            floor.Add($"{string.Join(", ", unmerged)} fell below and got {(unmerged.Length == 1 ? "its own encoder" : "their own encoders")} back. ");
        return breached.Length > 0
            ? floor.Add($"""<span class="bad">It does not hold</span> for {string.Join(", ", breached)}.""")
            : floor.Add($"""<span class="good">It holds</span> for every item that can be compared.""");
    }

    static string Stated(Difference difference) =>
        $"{Numbers.Signed(difference.Value)}, 95\u00a0% interval {Numbers.Range(difference)}, {Numbers.PValue(difference.PValue)}";

    static string Count(int number, string what) => FormattableString.Invariant($"{number} {what}{(number == 1 ? "" : "s")}");
}
