namespace ScoringService.Merging.Evaluation;

/// <summary>A 95 % percentile interval over resamples.</summary>
/// <param name="Low">The 2.5 % quantile.</param>
/// <param name="High">The 97.5 % quantile.</param>
public sealed record Interval(double Low, double High)
{
    const double Tail = 0.025;

    /// <summary>The interval that leaves out the lowest and the highest 2.5 %; quantiles between two values are interpolated.</summary>
    /// <param name="values">At least one.</param>
    public static Interval Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return new(Quantile(Tail), Quantile(1 - Tail));

        double Quantile(double share)
        {
            var position = share * (sorted.Length - 1);
            var below = (int)position;
            return double.Lerp(sorted[below], sorted[Math.Min(below + 1, sorted.Length - 1)], position - below);
        }
    }
}
