using ScoringService.Merging;

namespace ScoringService.Api.Merging.Report;

/// <summary>The clustering as a tree that grows from the items on the left, with its heights and the line at which the plan cuts it.</summary>
static class DendrogramDrawing
{
    const int Left = 188, Right = 54, Width = 620, Row = 26, Top = 26, Axis = 40;

    /// <summary>Draws it.</summary>
    /// <param name="alignment">The items and their merges.</param>
    /// <param name="tree">How they are laid out.</param>
    public static Markup Draw(AlignmentReport alignment, ClusterTree tree)
    {
        var (items, bottom) = (tree.Items, Top + (Row * tree.Items));
        var highest = Math.Max(alignment.Dendrogram.Select(merge => merge.Height).DefaultIfEmpty().Max(), 1e-9);
        var drawing = Markup.Of(
            $"""<svg role="img" aria-label="Dendrogram of the items" viewBox="0 0 {Left + Width + Right} {bottom + Axis}" """)
            .Add($"""width="{Left + Width + Right}" class="tree"><title>Dendrogram: in which order, and how far apart, items join</title>""");

        var at = new Dictionary<int, (double X, double Y)>();
        foreach (var (item, place) in tree.Leaves.Select((item, place) => (item, place)))
        {
            var (id, y) = (alignment.ItemIds[item], Top + (Row * (place + 0.5)));
            at[item] = (Left, y);
            drawing.Add($"""<text class="name" x="{Left - 8}" y="{y + 4}" text-anchor="end">{Numbers.Short(id, 26)}<title>{id}</title></text>""");
        }
        foreach (var share in new[] { 0, 0.25, 0.5, 0.75, 1 })
        {
            drawing.Add($"""<line class="grid" x1="{X(share * highest)}" y1="{Top}" x2="{X(share * highest)}" y2="{bottom}"/>""");
            drawing.Add($"""<text class="tick" x="{X(share * highest)}" y="{bottom + 16}">{share * highest:0.00}</text>""");
        }
        drawing.Add($"""<text class="tick" x="{Left + (Width / 2)}" y="{bottom + 33}">mean dissimilarity at which two clusters join</text>""");

        foreach (var (merge, step) in alignment.Dendrogram.Select((merge, step) => (merge, step)))
        {
            var ((leftX, leftY), (rightX, rightY), x) = (at[merge.Left], at[merge.Right], X(merge.Height));
            at[items + step] = (x, (leftY + rightY) / 2);
            drawing.Add($"""<path class="{(step < tree.Made ? "join made" : "join")}" """)
                .Add($"""d="M{leftX:0.#} {leftY:0.#}H{x:0.#}V{rightY:0.#}H{rightX:0.#}"/>""");
            drawing.Add($"""<text class="height" x="{x + 4:0.#}" y="{((leftY + rightY) / 2) - 4:0.#}">{merge.Height:0.00}</text>""");
        }
        if (tree.Cut is { } cut)
        {
            drawing.Add($"""<line class="cut" x1="{X(cut):0.#}" y1="{Top - 6}" x2="{X(cut):0.#}" y2="{bottom}"/>""");
            drawing.Add($"""<text class="cut-name" x="{X(cut):0.#}" y="{Top - 11}">cut into {tree.Groups.Length} groups</text>""");
        }
        return drawing.Add($"</svg>");

        double X(double height) => Left + (Width * height / highest);
    }
}
