using System.Globalization;
using System.Net;
using System.Text;
using ScoringService.Api.Jobs;
using ScoringService.Merging;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Api.Merging;

/// <summary>The report of a merge as one page that needs nothing else.</summary>
static class MergeReportPage
{
    const string Style =
        """
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
        table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .25rem .75rem; border-bottom: 1px solid #ddd; text-align: right; }
        th:first-child, td:first-child { text-align: left; } caption { text-align: left; font-weight: 600; }
        """;

    /// <summary>Renders the page.</summary>
    /// <param name="job">The merge job.</param>
    /// <param name="report">Its report.</param>
    public static string Render(JobView job, MergeReport report)
    {
        var page = new StringBuilder("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Merge report</title>")
            .Append("<style>").Append(Style).Append("</style></head><body><h1>Merge report</h1>")
            .Append(Line($"<p>Job {Text(job.Id)}, {job.CreatedAt:u}. {report.Encoders} encoders, {report.Parameters:N0} parameters, "))
            .Append(Line($"{report.Bytes:N0} bytes, {report.MillisecondsPerResponse:F2} ms of encoder time a response.</p>"));
        Table(page, "Groups", ["Encoder", "Items"], report.Groups.Select(group => new[] { group.Encoder, string.Join(", ", group.ItemIds) }));
        Table(page, "Items: QWK on test responses", ["Item", "Encoder", "Own model", "Frozen base", "Served", "Accuracy served"],
            report.Items.Select(item => new[]
            {
                item.ItemId, item.Encoder + (item.Unmerged ? " (unmerged by the floor)" : ""), Qwk(item.Own?.Test), Qwk(item.FrozenBase.Test),
                Qwk(item.Served.Test), Number(item.Served.Test?.Accuracy),
            }));
        Table(page, "Means: QWK on test responses", ["Over", "Items", "Own models", "Frozen base", "Served", "Recovered gain"], Totals(report));
        if (report.Alignment is { } alignment)
        {
            if (alignment.Distances is { } distances)
                Matrix("Gromov-Wasserstein distances", (i, j) => distances[i][j]);
            if (alignment.Deviations is { } deviations)
                Matrix("Standard deviations of the distances over draws of responses", (i, j) => deviations[i][j]);
            if (alignment.Distances is null && alignment.Similarity is { } similarity)
                Matrix("Similarities", (i, j) => similarity[i][j]);
            Table(page, "Dendrogram", ["Step", "Left", "Right", "Distance", "Items"], alignment.Dendrogram.Select((merge, step) => new[]
            {
                Cluster(alignment.ItemIds.Length + step), Cluster(merge.Left), Cluster(merge.Right), Number(merge.Height), Count(merge.Size),
            }));

            void Matrix(string caption, Func<int, int, double?> value) => Table(page, caption, ["", .. alignment.ItemIds],
                alignment.ItemIds.Select((id, i) => alignment.ItemIds.Select((_, j) => Number(value(i, j))).Prepend(id).ToArray()));

            string Cluster(int node) => node < alignment.ItemIds.Length ? alignment.ItemIds[node] : $"#{node - alignment.ItemIds.Length + 1}";
        }

        return page.Append("</body></html>").ToString();
    }

    static IEnumerable<string[]> Totals(MergeReport report)
    {
        yield return Total("all items", report.All);
        if (report.MergedOnly is { } merged)
            yield return Total("merged items only", merged);
    }

    static string[] Total(string over, TotalReport total) =>
        [over, Count(total.Items), Qwk(total.Own), Qwk(total.FrozenBase), Qwk(total.Served), Number(total.RecoveredGain)];

    static void Table(StringBuilder page, string caption, string[] head, IEnumerable<string[]> rows)
    {
        page.Append("<table><caption>").Append(Text(caption)).Append("</caption><tr>");
        foreach (var cell in head)
            page.Append("<th>").Append(Text(cell)).Append("</th>");
        page.Append("</tr>");
        foreach (var row in rows)
        {
            page.Append("<tr>");
            foreach (var cell in row)
                page.Append("<td>").Append(Text(cell)).Append("</td>");
            page.Append("</tr>");
        }

        page.Append("</table>");
    }

    static string Qwk(MetricSet? metrics) => Number(metrics?.Qwk);

    static string Number(double? value) => value?.ToString("F3", CultureInfo.InvariantCulture) ?? "–";

    static string Count(int count) => count.ToString(CultureInfo.InvariantCulture);

    static string Text(string text) => WebUtility.HtmlEncode(text);

    static string Line(FormattableString line) => FormattableString.Invariant(line);
}
