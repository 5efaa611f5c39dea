using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class RecoveredGainTests
{
    /// <summary>By hand: of .877 − .818 = .059, a merge at .838 keeps .020.</summary>
    [Fact]
    public void It_is_the_share_of_what_fine_tuning_gained() => Assert.Equal(.020 / .059, Of(own: .877, frozenBase: .818, served: .838)!.Value, 1e-12);

    [Fact]
    public void Worse_than_no_merge_is_below_zero() => Assert.True(Of(own: .9, frozenBase: .8, served: .7) < 0);

    [Fact]
    public void Where_fine_tuning_gains_nothing_there_is_none()
    {
        Assert.Null(Of(own: .8, frozenBase: .8, served: .9));
        Assert.Null(Of(own: .7, frozenBase: .8, served: .75));
        Assert.Null(RecoveredGain.Of(null, null, null, metrics => metrics.Qwk));
    }

    static double? Of(double own, double frozenBase, double served) => RecoveredGain.Of(
        ReportWarningsTests.Metrics(own), ReportWarningsTests.Metrics(frozenBase), ReportWarningsTests.Metrics(served), metrics => metrics.MacroF1);
}
