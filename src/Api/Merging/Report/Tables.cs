using ScoringService.Merging;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Methods;

namespace ScoringService.Api.Merging.Report;

/// <summary>The tables of a report.</summary>
static class Tables
{
    static readonly MetricRow[] Metrics =
    [
        new("QWK", of => of.Qwk, of => of.Qwk, of => of.Qwk),
        new("Accuracy", of => of.Accuracy, of => of.Accuracy, of => of.Accuracy),
        new("Macro F1", of => of.MacroF1, of => of.MacroF1, of => of.MacroF1),
        new("Micro F1", of => of.MicroF1, of => of.MicroF1, of => of.MicroF1),
        new("Exact match", of => of.ExactMatch, of => of.ExactMatch, of => of.ExactMatch),
        new("Per-label accuracy", of => of.PerLabelAccuracy, of => of.PerLabelAccuracy, of => of.PerLabelAccuracy),
        new("SMD", of => of.Smd, null, null),
    ];

    /// <summary>Means over items by own models, frozen base and as served, and the differences.</summary>
    /// <param name="over">Which items.</param>
    /// <param name="total">Their means.</param>
    /// <param name="comparison">Intervals and p-values; null where there are none.</param>
    public static Markup Total(string over, TotalReport total, TotalComparison? comparison) =>
        Table($"Means over {over}",
            [
                "", "Own models", "Frozen base", "Served", "95\u00a0% interval", "Served − own", "Served − frozen base",
                "Served, weighted by test size",
            ],
            Metrics.Select(metric =>
            {
                double? Of(MetricSet? metrics) => metrics is null ? null : metric.Read(metrics);
                return new[]
                {
                    Text(metric.Name),
                    Text(Numbers.Metric(Of(total.Own))), Text(Numbers.Metric(Of(total.FrozenBase))), Strong(Numbers.Metric(Of(total.Served))),
                    Text(comparison is null ? "" : Numbers.Range(metric.Interval?.Invoke(comparison.Served))),
                    Stated(comparison?.VersusOwn is { } own ? metric.Difference?.Invoke(own) : null),
                    Stated(comparison is null ? null : metric.Difference?.Invoke(comparison.VersusFrozenBase)),
                    Text(Numbers.Metric(Of(total.Weighted?.Served))),
                };
            }).Concat(
            [
                Gain("Recovered gain, QWK", total.RecoveredGain, comparison?.RecoveredGain, total.Weighted?.RecoveredGain),
                Gain("Recovered gain, macro F1", total.RecoveredGainMacroF1, comparison?.RecoveredGainMacroF1, total.Weighted?.RecoveredGainMacroF1),
            ]));

    /// <summary>Each item's test metrics.</summary>
    public static Markup Items(IEnumerable<ItemReport> items) => Table("Items on test responses",
        [
            "Item", "Encoder", "Responses", "Own QWK", "Frozen base QWK", "Served QWK", "95\u00a0% interval", "Recovered gain", "Served macro F1",
            "Served accuracy", "SMD", "Floor",
        ],
        items.Select(item => new[]
        {
            Name(item), Text(item.Merged ? item.Encoder : $"{item.Encoder}, alone"), Text($"{item.Served.Test?.N ?? 0}"),
            Text(Numbers.Metric(item.Own?.Test?.Qwk)), Text(Numbers.Metric(item.FrozenBase.Test?.Qwk)), Strong(Numbers.Metric(item.Served.Test?.Qwk)),
            Text(Numbers.Range(item.Intervals?.Qwk)), Text(Numbers.Percent(item.RecoveredGain)), Text(Numbers.Metric(item.Served.Test?.MacroF1)),
            Text(Numbers.Metric(item.Served.Test?.Accuracy)), Text(Numbers.Metric(item.Served.Test?.Smd)),
            Text(item.Unmerged ? "unmerged" : item.HoldsFloor switch { true => "holds", false => "breached", null => "–" }),
        }));

    /// <summary>The groups.</summary>
    public static Markup Groups(IEnumerable<GroupReport> groups) => Table("Groups", ["Encoder", "Items"],
        groups.Select(group => new[] { Text(group.Encoder), Text(string.Join(", ", group.ItemIds)) }), text: 2);

    /// <summary>How honest probabilities are before and after calibration.</summary>
    public static Markup Calibration(IEnumerable<ItemReport> items) => Table("Calibration",
        ["Item", "Validation responses", "Temperature", "Calibration error before", "after", "Loss before", "after"],
        items.Where(item => item.Calibration is not null).Select(item => new[]
        {
            Name(item), Text($"{item.Calibration!.ValidationResponses}"), Text(Numbers.Metric(item.Calibration.Served.Temperature)),
            Text(Numbers.Metric(item.Calibration.Before?.ExpectedError)), Strong(Numbers.Metric(item.Calibration.After?.ExpectedError)),
            Text(Numbers.Metric(item.Calibration.Before?.MeanLoss)), Strong(Numbers.Metric(item.Calibration.After?.MeanLoss)),
        }));

    /// <summary>Agreement label by label.</summary>
    public static Markup Labels(IEnumerable<ItemReport> items) => Table("Labels as served, on test responses",
        ["Item", "Label", "Given", "Predicted", "F1", "Accuracy", "Threshold"],
        items.SelectMany(item => item.Labels.Select((label, index) => new[]
        {
            index == 0 ? Name(item) : new Markup(), Text(label.Label), Text($"{label.Given}"), Text($"{label.Predicted}"),
            Text(Numbers.Metric(label.F1)), Text(Numbers.Metric(label.Accuracy)),
            Text(Numbers.Metric(item.Calibration?.Served.Thresholds.Cast<float?>().ElementAtOrDefault(index))),
        })), text: 2);

    /// <summary>The methods that were tried.</summary>
    public static Markup Search(SearchReport search) => Table("Methods tried",
        ["", "Method", "QWK on validation", "Size", "Floor", "Seconds", ""],
        search.Candidates.Select((candidate, index) => new[]
        {
            Text($"{index + 1}"), Markup.Of($"""<span title="{candidate.Method.GetRawText()}">{candidate.Name}</span>"""),
            Text(Numbers.Metric(candidate.ValidationQwk)), Text(candidate.Reason is null ? Numbers.Bytes(candidate.Bytes) : "–"),
            Text(candidate.HoldsFloor switch { true => "holds", false => "breached", null => "–" }),
            Markup.Of($"{candidate.Seconds:0.0}"), candidate.Chosen ? Strong("chosen") : Text(candidate.Reason ?? ""),
        }), text: 2);

    /// <summary>How far fine-tuning moved the modules of each layer.</summary>
    /// <param name="encoder">The encoder whose items' models were measured.</param>
    /// <param name="changes">Layer by layer.</param>
    public static Markup Changes(string encoder, IEnumerable<ModuleChange> changes) => Table($"{encoder}: how far fine-tuning moved each layer",
        ["Layer", "Attention, L2 norm", "MLP, L2 norm", "Attention, per parameter", "MLP, per parameter"],
        changes.Select(layer => new[]
        {
            Text($"{layer.Layer}"), Text(Numbers.Metric(layer.Attention.Norm)), Text(Numbers.Metric(layer.Mlp.Norm)),
            Text(Numbers.Small(layer.Attention.PerParameter)), Text(Numbers.Small(layer.Mlp.PerParameter)),
        }));

    /// <summary>What the router of each critical module gives.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="modules">Module by module.</param>
    public static Markup Routing(string encoder, IEnumerable<ModuleRouting> modules) => Table($"{encoder}: what the routers give",
        ["Module", "Dominant expert", "Its share", "Own expert first", "Entropy"],
        modules.Select(module => new[]
        {
            Text($"{module.Module}"), Text(module.DominantExpert), Text(Numbers.Percent(module.DominantShare)),
            Text(Numbers.Percent(module.OwnShare)), Text(Numbers.Metric(module.Entropy)),
        }), text: 2);

    /// <summary>How often labels are predicted on a routed encoder, against how often people gave them.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="items">Item by item.</param>
    public static Markup Prevalence(string encoder, IEnumerable<LabelPrevalence> items) => Table($"{encoder}: labels given and predicted",
        ["Item", "Given", "Predicted", "Largest shift"],
        items.Select(item => new[] { Text(item.ItemId), Shares(item.Given), Shares(item.Predicted), Text(Numbers.Percent(item.Shift)) }));

    static Markup Shares(IEnumerable<double> shares) => Text(string.Join(" · ", shares.Select(share => Numbers.Percent(share))));

    /// <summary>How a metric is read from what is said about all of them.</summary>
    sealed record MetricRow(
        string Name,
        Func<MetricSet, double?> Read,
        Func<PerMetric<Interval>, Interval>? Interval,
        Func<PerMetric<Difference>, Difference>? Difference);

    static Markup[] Gain(string name, double? gain, Interval? interval, double? weighted)
    {
        var range = interval is null ? "" : $"{Numbers.Percent(interval.Low)} to {Numbers.Percent(interval.High)}";
        return [Text(name), new(), new(), Strong(Numbers.Percent(gain)), Text(range), new(), new(), Text(Numbers.Percent(weighted))];
    }

    static Markup Name(ItemReport item) => Markup.Of($"""<span title="{item.Title}">{item.ItemId}</span>""");

    static Markup Stated(Difference? difference) => difference is null
        ? new()
        : Markup.Of($"""{Numbers.Signed(difference.Value)} <small>({Numbers.Range(difference)}; {Numbers.PValue(difference.PValue)})</small>""");

    static Markup Text(string text) => Markup.Of($"{text}");

    static Markup Strong(string text) => Markup.Of($"<b>{text}</b>");

    /// <summary>A table.</summary>
    /// <param name="caption">What it shows.</param>
    /// <param name="head">Names of its columns.</param>
    /// <param name="rows">Its cells.</param>
    /// <param name="text">How many columns, from the left, hold words and not numbers.</param>
    static Markup Table(string caption, string[] head, IEnumerable<Markup[]> rows, int text = 1)
    {
        return Markup.Of($"""<div class="table"><table><caption>{caption}</caption><thead><tr>""")
            .Add($"""{Markup.Each(head.Index(), cell => $"""<th scope="col" class="{Kind(cell.Index)}">{cell.Item}</th>""")}</tr></thead><tbody>""")
            .Add($"{Markup.Each(rows, row => $"<tr>{Cells(row)}</tr>")}</tbody></table></div>");

        Markup Cells(Markup[] row) => Markup.Each(row.Index(), cell => $"""<td class="{Kind(cell.Index)}">{cell.Item}</td>""");

        string Kind(int column) => column < text ? "text" : "number";
    }
}
