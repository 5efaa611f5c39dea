using ScoringService.Merging;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Api.Merging.Report;

/// <summary>
/// For each item, the agreement with people's scores by its own model, by the frozen base, and as it is served, with the interval of the latter.
/// </summary>
static class ItemBars
{
    const int Left = 220, Width = 560, Right = 64, Bar = 8, Row = 40, Top = 30;

    /// <summary>Draws it.</summary>
    /// <param name="items">The items of a report.</param>
    public static Markup Draw(IReadOnlyCollection<ItemReport> items)
    {
        // Bars start at 0; an axis that starts elsewhere would make small differences look large. Agreement below chance needs room to the left of
        // it.
        var lowest = items
            .SelectMany(item => new[] { item.Served.Test?.Qwk, item.FrozenBase.Test?.Qwk, item.Own?.Test?.Qwk, item.Intervals?.Qwk.Low })
            .Select(value => Math.Floor(5 * (value ?? 0)) / 5).Append(0).Min();
        var bottom = Top + (Row * items.Count);
        var drawing = Markup.Of(
            $"""<svg role="img" aria-label="Quadratic weighted kappa by item" viewBox="0 0 {Left + Width + Right} {bottom + 8}" """)
            .Add($"""width="{Left + Width + Right}" class="bars"><title>Quadratic weighted kappa by item on test responses</title>""");
        for (var tick = lowest; tick < 1.01; tick += 0.2)
        {
            drawing.Add($"""<line class="grid" x1="{X(tick):0.#}" y1="{Top - 6}" x2="{X(tick):0.#}" y2="{bottom}"/>""");
            drawing.Add($"""<text class="tick" x="{X(tick):0.#}" y="{Top - 12}">{tick:0.0}</text>""");
        }
        foreach (var (item, row) in items.Select((item, row) => (item, row)))
        {
            var y = Top + (Row * row) + 6;
            var shared = item.Merged ? item.Encoder : $"{item.Encoder}, alone";
            drawing.Add($"""<text class="name" x="{Left - 10}" y="{y + 12}" text-anchor="end">{Numbers.Short(item.ItemId, 30)}""")
                .Add($"<title>{item.ItemId}</title></text>");
            drawing.Add($"""<text class="tick" x="{Left - 10}" y="{y + 25}" text-anchor="end">{shared}</text>""");
            drawing.Add($"{Draw("own", "own model", item.Own, y)}{Draw("base", "frozen base", item.FrozenBase, y + Bar + 1)}");
            drawing.Add($"{Draw("served", "served", item.Served, y + (2 * (Bar + 1)))}");
            if (item.Intervals?.Qwk is { } interval)
            {
                var (middle, low, high) = (y + (2 * (Bar + 1)) + (Bar / 2.0), X(interval.Low), X(interval.High));
                drawing.Add($"""<path class="whisker" d="M{low:0.#} {middle}H{high:0.#}""")
                    .Add($"""M{low:0.#} {middle - 4}V{middle + 4}M{high:0.#} {middle - 4}V{middle + 4}"/>""");
            }
            drawing.Add($"""<text class="bar-value" x="{Left + Width + 10}" y="{y + (3 * Bar)}">{Numbers.Metric(item.Served.Test?.Qwk)}</text>""");
        }
        return drawing.Add($"</svg>");

        double X(double qwk) => Left + (Width * (qwk - lowest) / (1 - lowest));

        Markup Draw(string kind, string name, SplitScores? scores, double y)
        {
            if (scores?.Test is not { } test)
                return new Markup();
            var (from, to) = (X(Math.Min(0, test.Qwk)), X(Math.Max(0, test.Qwk)));
            return Markup.Of($"""<rect class="{kind}" x="{from:0.#}" y="{y:0.#}" width="{to - from:0.#}" height="{Bar}">""")
                .Add($"<title>{name}: {Numbers.Metric(test.Qwk)}</title></rect>");
        }
    }
}
