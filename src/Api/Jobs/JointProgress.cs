using ScoringService.Merging;

namespace ScoringService.Api.Jobs;

/// <summary>The progress of a job whose parts run side by side: the mean of theirs, with the message of the one that reported last.</summary>
/// <param name="job">The whole job.</param>
/// <param name="parts">Number of parts.</param>
sealed class JointProgress(IProgress<StageProgress> job, int parts)
{
    readonly double[] fractions = new double[parts];
    readonly Lock gate = new();

    /// <summary>What one part reports to.</summary>
    public IProgress<StageProgress> Part(int index) => new PartProgress(this, index);

    void Report(int index, StageProgress value)
    {
        lock (gate)
        {
            fractions[index] = value.Fraction;
            job.Report(value with { Fraction = fractions.Average() });
        }
    }

    sealed class PartProgress(JointProgress joint, int index) : IProgress<StageProgress>
    {
        public void Report(StageProgress value) => joint.Report(index, value);
    }
}
