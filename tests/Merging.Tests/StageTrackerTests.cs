namespace ScoringService.Merging.Tests;

public sealed class StageTrackerTests
{
    [Fact]
    public void Stages_take_their_shares_of_a_run()
    {
        var reports = Track([("a", 1), ("b", 3)], tracker =>
        {
            tracker.Report("a", .5, "");
            tracker.Of("b").Report(new("whatever", 1.0 / 3, "a message"));
        });

        Assert.Equal([new("a", .125, ""), new("b", .5, "a message")], reports);
    }

    [Fact]
    public void A_stage_that_takes_no_time_leaves_the_run_where_it_is() =>
        Assert.Equal([0, .5], Track([("a", 0), ("b", 1)], tracker =>
        {
            tracker.Report("a", 1, "");
            tracker.Report("b", .5, "");
        }).Select(report => report.Fraction));

    [Fact]
    public void A_stage_that_is_gone_through_again_does_not_set_the_run_back() =>
        Assert.Equal([.75, .75, 1], Track([("a", 1)], tracker =>
        {
            foreach (var fraction in new[] { .75, .25, 1 })
                tracker.Report("a", fraction, "");
        }).Select(report => report.Fraction));

    static List<StageProgress> Track((string, double)[] stages, Action<StageTracker> run)
    {
        var reports = new List<StageProgress>();
        run(new(new InlineProgress<StageProgress>(reports.Add), stages));
        return reports;
    }
}
