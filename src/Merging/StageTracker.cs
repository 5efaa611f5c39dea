namespace ScoringService.Merging;

/// <summary>Turns progress within stages into progress of a whole run, by the share of the time that each stage is expected to take.</summary>
sealed class StageTracker(IProgress<StageProgress> progress, params (string Stage, double Share)[] stages)
{
    readonly double total = stages.Sum(s => s.Share);
    readonly Lock reporting = new();
    double furthest;

    /// <summary>Reports how much of a stage is done, 0 to 1. A stage that is gone through again does not set the run back.</summary>
    public void Report(string stage, double fraction, string message)
    {
        var index = Array.FindIndex(stages, s => s.Stage == stage);
        var before = stages.Take(index).Sum(s => s.Share);
        lock (reporting)
        {
            furthest = Math.Max(furthest, (before + (stages[index].Share * Math.Clamp(fraction, 0, 1))) / total);
            progress.Report(new(stage, furthest, message));
        }
    }

    /// <summary>Takes the progress of one stage.</summary>
    public IProgress<StageProgress> Of(string stage) => new InlineProgress<StageProgress>(step => Report(stage, step.Fraction, step.Message));
}
