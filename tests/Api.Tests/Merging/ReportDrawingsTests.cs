using System.Collections.Immutable;
using System.Globalization;
using System.Xml.Linq;
using ScoringService.Api.Merging.Report;
using ScoringService.Merging;
using ScoringService.Merging.Planning;

namespace ScoringService.Api.Tests.Merging;

public sealed class ReportDrawingsTests
{
    [Fact]
    public void Leaves_stand_in_the_order_of_the_clustering()
    {
        // 0 and 3 join, then 1 and 2, then both pairs.
        var tree = Tree(groups: 2, new(0, 3, .1, 2), new(1, 2, .2, 2), new(4, 5, .8, 4));

        Assert.Equal([0, 3, 1, 2], tree.Leaves.AsEnumerable());
        Assert.Equal([[0, 3], [1, 2]], tree.Groups.Select(group => group.ToArray()));
        Assert.Equal(.5, tree.Cut!.Value, 1e-12);
    }

    [Fact]
    public void A_clustering_that_ends_early_has_several_roots()
    {
        var tree = Tree(groups: 2, new(1, 3, .1, 2), new(0, 2, .2, 2));

        Assert.Equal([0, 2, 1, 3], tree.Leaves.AsEnumerable());
        Assert.Null(tree.Cut);
        Assert.Equal([[0, 2], [1, 3]], tree.Groups.Select(group => group.ToArray()));
    }

    [Fact]
    public void Without_a_merge_every_item_is_a_group()
    {
        var tree = Tree(groups: 4, new(0, 3, .1, 2), new(1, 2, .2, 2), new(4, 5, .8, 4));

        Assert.Equal(4, tree.Groups.Length);
        Assert.Equal(.05, tree.Cut!.Value, 1e-12);
    }

    [Fact]
    public void The_heat_map_shows_each_distance_once_and_shades_near_pairs_darkest()
    {
        var alignment = Reports.Of("a", "b", "c", "d").Alignment!;
        var drawing = Parse(HeatMap.Draw(alignment, new(alignment)));
        var cells = drawing.Elements("rect").Where(cell => (string?)cell.Attribute("class") == "cell").ToArray();

        Assert.Equal(12, cells.Length);
        var darkest = cells.OrderByDescending(Shade).First();
        Assert.Equal("a – b: 0.100", (string?)darkest.Element("title"));
        Assert.Equal(cells.Min(Shade), Shade(cells.Single(cell => (string?)cell.Element("title") == "a – d: 0.500")));

        static double Shade(XElement cell) => double.Parse((string)cell.Attribute("fill-opacity")!, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_dendrogram_is_cut_between_the_joins_that_are_made_and_the_others()
    {
        var alignment = Reports.Of("a", "b", "c", "d", "e").Alignment!;
        var drawing = Parse(DendrogramDrawing.Draw(alignment, new(alignment)));

        var cut = drawing.Elements("line").Single(line => (string?)line.Attribute("class") == "cut");
        var joins = drawing.Elements("path").ToLookup(path => (string?)path.Attribute("class") == "join made", Height);
        Assert.Equal(2, joins[true].Count());
        Assert.Equal(2, joins[false].Count());
        Assert.InRange(double.Parse((string)cut.Attribute("x1")!, CultureInfo.InvariantCulture), joins[true].Max(), joins[false].Min());
        Assert.Contains(drawing.Elements("text"), text => text.Value == "cut into 3 groups");

        static double Height(XElement path) => double.Parse(((string)path.Attribute("d")!).Split('H', 'V')[1], CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Bars_are_as_long_as_the_agreement_and_start_at_zero()
    {
        var items = Reports.Of("a", "b").Items;
        var bars = Parse(ItemBars.Draw(items)).Elements("rect").ToArray();

        Assert.Equal(6, bars.Length);
        var (own, served) = (Width(bars[0]), Width(bars[2]));
        Assert.Equal(items[0].Served.Test!.Qwk / items[0].Own!.Test!.Qwk, served / own, 1e-3);

        static double Width(XElement bar) => double.Parse((string)bar.Attribute("width")!, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Agreement_below_chance_reaches_to_the_left_of_zero()
    {
        var item = Reports.Of("a", "b").Items[0];
        var below = item with { Served = item.Served with { Test = item.Served.Test! with { Qwk = -.3 } }, Intervals = null };
        var bars = Parse(ItemBars.Draw([below])).Elements("rect").ToArray();

        Assert.Equal(X(bars[0]), X(bars[2]) + double.Parse((string)bars[2].Attribute("width")!, CultureInfo.InvariantCulture), .11);

        static double X(XElement bar) => double.Parse((string)bar.Attribute("x")!, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void The_frontier_holds_what_nothing_smaller_matches()
    {
        var search = Reports.Searched(
            ("large", .85, 500, true, true), ("larger and worse", .84, 600, true, false), ("small", .80, 90, null, false),
            ("as large and worse", .82, 500, true, false), ("unjudged", null, 10, null, false)).Search!;

        Assert.Equal(["small", "large"], ParetoPlot.Frontier(search.Candidates).Select(candidate => candidate.Name));
        Assert.Equal(4, Parse(ParetoPlot.Draw(search)).Elements("circle").Count());
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(90_300, "90.3 kB")]
    [InlineData(90_300_000, "90.3 MB")]
    [InlineData(1_234_000_000, "1.23 GB")]
    public void Sizes_are_written_in_decimal_units(double bytes, string written) => Assert.Equal(written, Numbers.Bytes(bytes));

    static ClusterTree Tree(int groups, params ImmutableArray<ClusterMerge> merges)
    {
        ImmutableArray<ImmutableArray<double>> none = [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]];
        return new(new AlignmentReport { ItemIds = ["a", "b", "c", "d"], Similarity = none, Dendrogram = merges, PlannedGroups = groups });
    }

    static XElement Parse(Markup drawing) => XElement.Parse(drawing.ToString());
}
