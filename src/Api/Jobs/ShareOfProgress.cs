using ScoringService.Merging;

namespace ScoringService.Api.Jobs;

/// <summary>Shows one step's progress as its share of the whole job.</summary>
/// <param name="job">The whole job.</param>
/// <param name="from">Where the step begins, 0 to 1.</param>
/// <param name="to">Where it ends.</param>
sealed class ShareOfProgress(IProgress<StageProgress> job, double from, double to) : IProgress<StageProgress>
{
    public void Report(StageProgress value) => job.Report(value with { Fraction = from + (value.Fraction * (to - from)) });
}
