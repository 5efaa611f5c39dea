using System.Globalization;
using ScoringService.Merging;

namespace ScoringService.Api.Merging.Report;

/// <summary>The Gromov-Wasserstein distances as a matrix of shaded cells, near pairs strongest, in the order of the clustering.</summary>
static class HeatMap
{
    const int Margin = 168, Top = 136, Largest = 48, Smallest = 12, Width = 620, Readable = 26;

    /// <summary>Shade from which on a cell's number is written in the colour of the paper.</summary>
    const double Dark = 0.72;

    /// <summary>Draws it. A pair that was not compared stays empty.</summary>
    /// <param name="alignment">Distances, or similarities where there are no distances.</param>
    /// <param name="tree">Their clustering.</param>
    public static Markup Draw(AlignmentReport alignment, ClusterTree tree)
    {
        var cell = Math.Clamp(Width / tree.Items, Smallest, Largest);
        var largest = Enumerable.Range(0, tree.Items).Max(row => Enumerable.Range(0, tree.Items).Max(column => Value(alignment, row, column) ?? 0));
        var (side, number) = (cell * tree.Items, Decimals(largest));
        var drawing = Markup.Of(
            $"""<svg role="img" aria-label="{Caption(alignment)}" viewBox="0 0 {Margin + side + 90} {Top + side + 6}" """)
            .Add($"""width="{Margin + side + 90}" class="heat"><title>{Caption(alignment)}</title>""");
        foreach (var (item, place) in tree.Leaves.Select((item, place) => (item, place)))
        {
            var (id, middle) = (alignment.ItemIds[item], (place * cell) + (cell / 2));
            var name = Markup.Of($"{Numbers.Short(id, 24)}<title>{id}</title>");
            drawing.Add($"""<text class="name" x="{Margin - 8}" y="{Top + middle + 4}" text-anchor="end">{name}</text>""");
            drawing.Add($"""<text class="name" transform="translate({Margin + middle + 4} {Top - 8}) rotate(-50)">{name}</text>""");
        }
        foreach (var (row, y) in tree.Leaves.Select((item, place) => (item, Top + (place * cell))))
        {
            foreach (var (column, x) in tree.Leaves.Select((item, place) => (item, Margin + (place * cell))))
                drawing.Add($"{Cell(row, column, x, y)}");
        }
        var start = 0;
        foreach (var size in tree.Groups.Select(group => group.Length * cell))
        {
            drawing.Add($"""<rect class="group" x="{Margin + start}" y="{Top + start}" width="{size}" height="{size}"/>""");
            start += size;
        }
        return drawing.Add($"</svg>");

        Markup Cell(int row, int column, int x, int y)
        {
            var (itself, value) = (row == column, Value(alignment, row, column));
            var text = value?.ToString(number, CultureInfo.InvariantCulture) ?? "";
            var shade = itself || value is not { } shown ? 0 : 0.04 + (0.92 * Nearness(alignment, row, column, shown, largest));
            var drawn = Markup.Of($"""<rect class="{(itself ? "itself" : "cell")}" x="{x}" y="{y}" width="{cell - 1}" height="{cell - 1}" """)
                .Add($"""fill-opacity="{(itself ? 1 : shade):0.###}">""")
                .Add($"<title>{alignment.ItemIds[row]} – {alignment.ItemIds[column]}: {text}</title></rect>");
            return itself || cell < Readable ? drawn : drawn.Add(
                $"""<text class="{(shade > Dark ? "value on" : "value")}" x="{x + (cell / 2)}" y="{y + (cell / 2) + 4}">{text}</text>""");
        }
    }

    /// <summary>What a drawing of this alignment shows.</summary>
    public static string Caption(AlignmentReport alignment) =>
        alignment.Distances is null ? "Similarities of the items" : "Gromov-Wasserstein distances between the items' models";

    static double? Value(AlignmentReport alignment, int row, int column) =>
        alignment.Distances is { } distances ? distances[row][column] : alignment.Similarity?[row][column];

    /// <summary>0 for the farthest pair, 1 for one that cannot be told apart.</summary>
    static double Nearness(AlignmentReport alignment, int row, int column, double value, double largest) =>
        alignment.Similarity is { } similarity ? similarity[row][column] : largest > 0 ? 1 - (value / largest) : 1;

    /// <summary>Enough decimals for three digits of the largest value.</summary>
    static string Decimals(double largest)
    {
        var decimals = largest > 0 ? Math.Clamp(2 - (int)Math.Floor(Math.Log10(largest)), 0, 5) : 0;
        return "F" + decimals.ToString(CultureInfo.InvariantCulture);
    }
}
