namespace ScoringService.Benchmarks.Serving;

/// <summary>Durations in milliseconds, every one kept: a run has some hundred thousand.</summary>
sealed class Latencies
{
    readonly List<double> values = [];
    bool sorted = true;

    /// <summary>Number of durations.</summary>
    public int Count => values.Count;

    /// <summary>Adds a duration.</summary>
    public void Add(double milliseconds)
    {
        values.Add(milliseconds);
        sorted = false;
    }

    /// <summary>The smallest duration that at least a share of all do not exceed (nearest rank); null where there are none.</summary>
    /// <param name="share">In 0..1.</param>
    public double? Percentile(double share)
    {
        if (values.Count == 0)
            return null;
        if (!sorted)
            values.Sort();
        sorted = true;
        return values[Math.Clamp((int)Math.Ceiling(share * values.Count) - 1, 0, values.Count - 1)];
    }

    /// <summary>Half are not longer.</summary>
    public double? Median => Percentile(.5);

    /// <summary>The longest.</summary>
    public double? Longest => Percentile(1);
}
