namespace ScoringService.Merging.Training;

/// <summary>Linear warm-up to the full learning rate, then linear decay to nothing at the end of the run.</summary>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="WarmupFraction">Share of the steps that warm up, 0 to 1.</param>
public readonly record struct LearningRateSchedule(int Steps, double WarmupFraction)
{
    /// <summary>What learning rates are multiplied by in a step: min(1, (t+1)/(w·T))·(T−t)/T, with steps t counted from 0.</summary>
    public float Factor(int step)
    {
        var warmup = WarmupFraction * Steps;
        return (float)(Math.Min(1, warmup > 0 ? (step + 1) / warmup : 1) * (Steps - step) / Steps);
    }
}
