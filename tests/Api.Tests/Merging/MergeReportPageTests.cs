using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using ScoringService.Api.Merging.Report;
using ScoringService.Merging;

namespace ScoringService.Api.Tests.Merging;

public sealed partial class MergeReportPageTests
{
    const string Hostile = """<script>alert("x")</script>'&{0}""";

    [Fact]
    public void Whatever_comes_from_outside_is_encoded()
    {
        var report = Reports.Of(Hostile, "b", Hostile + "c") with
        {
            Method = new(Hostile, JsonSerializer.SerializeToElement(new { name = Hostile }), Hostile)
            {
                Chosen = JsonSerializer.SerializeToElement(new { name = Hostile }),
                Findings = [Reports.Findings(Hostile)],
            },
            Warnings = [Hostile],
            Search = Reports.Searched((Hostile, .8, 90, true, true)).Search,
        };
        report = report with { Items = [.. report.Items.Select(item => item with { Title = Hostile, Labels = [new(Hostile, 1, 1, 1, 1)] })] };

        var page = MergeReportPage.Render(Reports.Job(Hostile), report);

        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;{0}", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_needs_nothing_else()
    {
        var page = MergeReportPage.Render(Reports.Job(), Everything());

        Assert.DoesNotMatch("""(?i)https?:|<script|<link|<img|<iframe|\ssrc=|@import|url\(|\son[a-z]+=""", page);
    }

    [Fact]
    public void Page_and_drawings_are_well_formed()
    {
        var page = MergeReportPage.Render(Reports.Job(), Everything());

        var drawings = Drawing().Matches(page).Select(match => XElement.Parse(match.Value)).ToArray();
        Assert.Equal(["bars", "heat", "tree", "pareto"], drawings.Select(drawing => (string?)drawing.Attribute("class")));
        // Without its doctype and its void elements the page is XML too: every tag that is opened is closed.
        _ = XElement.Parse(Meta().Replace(page.Replace("<!doctype html>", "", StringComparison.Ordinal), ""));
    }

    [Fact]
    public void Numbers_are_written_alike_everywhere()
    {
        var (before, invariant) = (CultureInfo.CurrentCulture, MergeReportPage.Render(Reports.Job(), Everything()));
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("de-DE");
            Assert.Equal(invariant, MergeReportPage.Render(Reports.Job(), Everything()));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData(.012, "Yes.")]
    [InlineData(-.01, "Not shown.")]
    [InlineData(-.07, "No.")]
    public void The_verdict_against_the_frozen_base_is_no_surer_than_its_interval(double low, string verdict)
    {
        var report = Reports.Of("a", "b", "c");
        report = report with { Comparison = report.Comparison! with { MergedOnly = Reports.Comparison(low) } };

        var words = Summary.Write(report, maxDrop: null, "qwk").ToString();

        Assert.Contains($">{verdict}</span>", words, StringComparison.Ordinal);
        var (value, high) = (Numbers.Signed(low + .02), Numbers.Signed(low + .04));
        Assert.Contains($"{value}, 95&#160;% interval {Numbers.Signed(low)} to {high}, p = 0.012", words, StringComparison.Ordinal);
    }

    [Fact]
    public void The_summary_says_what_was_saved_and_whether_the_floor_held()
    {
        var words = Summary.Write(Reports.Of("a", "b", "c"), maxDrop: .02, "qwk").ToString();

        Assert.Contains("2 encoders in memory in the place of 3: 33&#160;% fewer.", words, StringComparison.Ordinal);
        Assert.Contains("2 of them share an encoder with another, 1 stands alone.", words, StringComparison.Ordinal);
        Assert.Contains("It does not hold</span> for b.", words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_of_an_earlier_version_and_without_test_responses_is_shown_too()
    {
        var report = Reports.Of("a", "b");
        var bare = report with
        {
            Method = null,
            Alignment = null,
            Comparison = null,
            MergedOnly = null,
            All = new() { Items = 2 },
            Items = [.. report.Items.Select(item => item with
            {
                Own = null, FrozenBase = new(null, null), Served = new(null, null),
                Intervals = null, Labels = [], Calibration = null, RecoveredGain = null,
            })],
        };

        var page = MergeReportPage.Render(Reports.Job(), bare);

        Assert.Contains("Not known", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", page, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_method_found_stands_in_tables()
    {
        var page = MergeReportPage.Render(Reports.Job(), Everything());

        Assert.Contains("""<td class="text">0</td><td class="number">1.250</td><td class="number">2.500</td>""", page, StringComparison.Ordinal);
        Assert.Contains("""<td class="number">1.2E−3</td><td class="number">2.5E−3</td>""", page, StringComparison.Ordinal);
        Assert.DoesNotContain("What the method found", MergeReportPage.Render(Reports.Job(), Reports.Of("a", "b")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_method_that_was_not_finished_says_why_in_the_place_of_a_size()
    {
        var search = Reports.Searched(("x", .8, 90, true, true), ("y", null, 0, null, false)).Search!;
        search = new([search.Candidates[0], search.Candidates[1] with { Seconds = null, Reason = "The models do not fit together." }]);

        var page = MergeReportPage.Render(Reports.Job(), Reports.Of("a", "b") with { Search = search });

        Assert.Contains(
            """<td class="number">–</td><td class="number"></td><td class="number">The models do not fit together.</td>""", page, StringComparison.Ordinal);
    }

    static MergeReport Everything() => Reports.Of("a", "b", "c", "d", "e") with
    {
        Method = new("auto", JsonSerializer.SerializeToElement(new { name = "auto" }), "wemoe was chosen.")
        {
            Chosen = JsonSerializer.SerializeToElement(new { name = "wemoe" }),
            Findings = [Reports.Findings("e0")],
        },
        Search = Reports.Searched(("x", .8, 90, false, false), ("y", .85, 300, true, true)).Search,
        Warnings = ["Beware."],
    };

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Drawing();

    [GeneratedRegex("<meta[^>]*>")]
    private static partial Regex Meta();
}
