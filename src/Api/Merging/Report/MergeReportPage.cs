using System.Text.Json;
using ScoringService.Api.Jobs;
using ScoringService.Merging;

namespace ScoringService.Api.Merging.Report;

/// <summary>The report of a merge as one page that needs nothing else: no script, no other file.</summary>
static class MergeReportPage
{
    static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Renders the page.</summary>
    /// <param name="job">The merge job.</param>
    /// <param name="report">Its report.</param>
    public static string Render(JobView job, MergeReport report)
    {
        var (maxDrop, metric) = Floor(job.Recipe);
        return Markup.Of($"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">""")
            .Add($"<title>Merge report {job.Id}</title>{PageStyle.Sheet}</head><body><h1>Merge report</h1>")
            .Add($"""<p class="where">{report.Method?.Name ?? "merge"} · job {job.Id} · asked for {job.CreatedAt:yyyy-MM-dd HH:mm} UTC</p>""")
            .Add($"{Summary.Write(report, maxDrop, metric)}{Warnings(report)}")
            .Add($"{Items(report)}{Totals(report)}{Alignment(report)}{Search(report)}")
            .Add($"{Findings(report)}{Honesty(report)}{Provenance(job, report)}</body></html>")
            .ToString();
    }

    static Markup Warnings(MergeReport report) => report.Warnings.IsDefaultOrEmpty
        ? new()
        : Markup.Of($"""<section class="warnings"><h2>Before you activate it</h2>""")
            .Add($"<ul>{Markup.Each(report.Warnings, warning => $"<li>{warning}</li>")}</ul></section>");

    static Markup Items(MergeReport report) => Markup.Of($"<h2>Item by item</h2><figure>{ItemBars.Draw(report.Items)}")
        .Add($"""<figcaption class="key"><span class="own"></span>own model<span class="base"></span>frozen base with a fitted head""")
        .Add($"""<span class="served"></span>served, with its 95 % interval. Quadratic weighted kappa on test responses.</figcaption></figure>""")
        .Add($"{Tables.Items(report.Items)}")
        .Add($"""<p class="note">Recovered gain: the share of what fine-tuning gains in QWK over the frozen base that is kept. """)
        .Add($"SMD: standardized mean difference, above 0 where scores are too high. ")
        .Add($"Floor: against the item's own model on validation responses.</p>{Tables.Groups(report.Groups)}");

    static Markup Totals(MergeReport report)
    {
        var totals = Markup.Of($"<h2>In total</h2>{Tables.Total("all items", report.All, report.Comparison?.All)}");
        if (report.MergedOnly is { } merged)
            totals.Add($"{Tables.Total("merged items only", merged, report.Comparison?.MergedOnly)}");
        return report.Comparison is not { } comparison ? totals : totals.Add(
            $"""<p class="note">Intervals: {comparison.Resamples:N0} bootstrap draws of responses within each item, """)
            .Add($"the same ones for every method. p-values: up to {comparison.Permutations:N0} exchanges of two methods' predictions, ")
            .Add($"response by response. Both speak of other responses to the same items.</p>");
    }

    static Markup Alignment(MergeReport report)
    {
        if (report.Alignment is not { } alignment)
            return new();
        var tree = new ClusterTree(alignment);
        return Markup.Of($"<h2>Which items are alike</h2><figure>{HeatMap.Draw(alignment, tree)}")
            .Add($"<figcaption>{HeatMap.Caption(alignment)}, in the order of the clustering: ")
            .Add($"the stronger the colour, the nearer. ")
            .Add($"{(alignment.PlannedGroups is null ? "" : "Frames are the groups as planned.")}</figcaption></figure>")
            .Add($"<figure>{DendrogramDrawing.Draw(alignment, tree)}")
            .Add($"<figcaption>The order in which items join, by their mean dissimilarity. ")
            .Add($"{(alignment.PlannedGroups is null ? "" : "Joins drawn in colour are those the plan makes.")}</figcaption></figure>");
    }

    static Markup Search(MergeReport report) => report.Search is not { } search
        ? new()
        : Markup.Of($"<h2>What was tried</h2><figure>{ParetoPlot.Draw(search)}")
            .Add($"<figcaption>Each number is a method of the table below. Filled in colour: the one chosen; hollow: breaches the floor. ")
            .Add($"No method lies above the dashed line at its size.</figcaption></figure>{Tables.Search(search)}");

    static Markup Findings(MergeReport report)
    {
        if (report.Method is not { Findings.IsDefaultOrEmpty: false } method)
            return new();
        var findings = Markup.Of($"<h2>What the method found</h2>");
        foreach (var (encoder, changes, routing) in method.Findings)
        {
            if (changes is { } layers)
                findings.Add($"{Tables.Changes(encoder, layers)}");
            if (routing is not null)
                findings.Add($"{Tables.Routing(encoder, routing.Modules)}{Tables.Prevalence(encoder, routing.Prevalence)}");
        }
        return findings
            .Add($"""<p class="note">Changes are means over the items. Modules are numbered as they come in the encoder, attention before MLP. """)
            .Add($"Its share: how often the dominant expert weighs most. Own expert first: how often that of the response's own item does. ")
            .Add($"Entropy: 1 where all experts weigh alike, 0 where one has everything. Shares of labels: over training responses, ")
            .Add($"by the items' own heads before they were fitted again.</p>");
    }

    static Markup Honesty(MergeReport report) => report.Items.All(item => item.Calibration is null && item.Labels.IsDefaultOrEmpty)
        ? new()
        : Markup.Of($"<h2>How far probabilities can be believed</h2>{Tables.Calibration(report.Items)}")
            .Add($"""<p class="note">Temperatures and thresholds come from validation responses; errors and losses are read on test responses. """)
            .Add($"A calibration error of 0.050 says that stated probabilities are off by five percentage points on average.</p>")
            .Add($"{Tables.Labels(report.Items)}");

    static Markup Provenance(JobView job, MergeReport report)
    {
        var provenance = Markup.Of($"<h2>How it was made</h2>");
        if (report.Method?.Provenance is { } said)
            provenance.Add($"<p>{said}</p>");
        if (report.Method?.Chosen is { } chosen)
            provenance.Add($"<pre>{JsonSerializer.Serialize(chosen, Indented)}</pre>");
        return provenance.Add($"<pre>{JsonSerializer.Serialize(job.Recipe, Indented)}</pre>");
    }

    static (double? MaxDrop, string Metric) Floor(JsonElement recipe) =>
        recipe.ValueKind == JsonValueKind.Object && recipe.TryGetProperty("floor", out var floor) && floor.ValueKind == JsonValueKind.Object
        && floor.TryGetProperty("maxDrop", out var drop) && drop.ValueKind == JsonValueKind.Number
            ? (drop.GetDouble(), floor.TryGetProperty("metric", out var metric) ? metric.GetString() ?? "qwk" : "qwk")
            : (null, "");
}
