using System.Collections.Immutable;

namespace ScoringService.Merging.Evaluation;

/// <summary>Something about each metric of a <see cref="MetricSet"/>.</summary>
/// <typeparam name="T">What is said.</typeparam>
/// <param name="Accuracy">About <see cref="MetricSet.Accuracy"/>.</param>
/// <param name="MacroF1">About <see cref="MetricSet.MacroF1"/>.</param>
/// <param name="MicroF1">About <see cref="MetricSet.MicroF1"/>.</param>
/// <param name="ExactMatch">About <see cref="MetricSet.ExactMatch"/>.</param>
/// <param name="PerLabelAccuracy">About <see cref="MetricSet.PerLabelAccuracy"/>.</param>
/// <param name="Qwk">About <see cref="MetricSet.Qwk"/>.</param>
public sealed record PerMetric<T>(T Accuracy, T MacroF1, T MicroF1, T ExactMatch, T PerLabelAccuracy, T Qwk)
{
    /// <summary>What is said about the metric at a position of <see cref="PerMetric.Readings"/>.</summary>
    internal T At(int metric) => new[] { Accuracy, MacroF1, MicroF1, ExactMatch, PerLabelAccuracy, Qwk }[metric];
}

/// <summary>The metrics that statistics are made of, by position.</summary>
static class PerMetric
{
    public const int MacroF1 = 1, Qwk = 5;

    /// <summary>What each position reads.</summary>
    public static ImmutableArray<Func<MetricSet, double>> Readings { get; } =
    [
        metrics => metrics.Accuracy, metrics => metrics.MacroF1, metrics => metrics.MicroF1,
        metrics => metrics.ExactMatch, metrics => metrics.PerLabelAccuracy, metrics => metrics.Qwk,
    ];

    /// <summary>Says something about every position.</summary>
    public static PerMetric<T> Of<T>(Func<int, T> about) => new(about(0), about(1), about(2), about(3), about(4), about(5));
}
