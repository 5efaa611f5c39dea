using System.Collections.Immutable;
using ScoringService.Merging.Data;

namespace ScoringService.Benchmarks;

/// <summary>A 95 % interval.</summary>
/// <param name="Low">2.5 % lie below.</param>
/// <param name="High">2.5 % lie above.</param>
readonly record struct Interval(double Low, double High);

/// <summary>
/// Percentile intervals by the bootstrap over test responses: within every item responses are drawn again with replacement, the same ones for every
/// model and seed, so that differences are paired. The items and seeds stay as they are: the intervals say how much the test responses decide,
/// nothing about other items.
/// </summary>
sealed class QualityIntervals
{
    const int Resamples = 1000;

    readonly ImmutableArray<ItemData> items;
    readonly Dictionary<string, double[]> truth;
    readonly Dictionary<string, int[][]> draws;

    /// <summary>Draws the resamples.</summary>
    /// <param name="items">The items.</param>
    public QualityIntervals(ImmutableArray<ItemData> items)
    {
        var random = new Random(0);
        this.items = items;
        truth = items.ToDictionary(
            data => data.Item.Id, data => data.Test.Select(response => QualitySeed.Points(data.Item, response.Labels)).ToArray());
        draws = items.ToDictionary(data => data.Item.Id, data => Enumerable.Range(0, Resamples).Select(_ =>
            Enumerable.Range(0, data.Test.Length).Select(_ => random.Next(data.Test.Length)).ToArray()).ToArray());
    }

    /// <summary>Mean QWK over items, for each resample.</summary>
    /// <param name="points">The points a model gives to the test responses, by item.</param>
    public double[] MeanQwk(IReadOnlyDictionary<string, double[]> points)
    {
        return [.. Enumerable.Range(0, Resamples).Select(resample => items.Average(data => Qwk(data.Item.Id, resample)))];

        double Qwk(string id, int resample)
        {
            var (draw, given, scored) = (draws[id][resample], truth[id], points[id]);
            return QuadraticWeightedKappa(Array.ConvertAll(draw, r => given[r]), Array.ConvertAll(draw, r => scored[r]));
        }
    }

    static double QuadraticWeightedKappa(double[] given, double[] scored)
    {
        var (g, s) = (given.Average(), scored.Average());
        var (observed, byChance) = (0.0, (g - s) * (g - s) * given.Length);
        for (var i = 0; i < given.Length; i++)
        {
            observed += (given[i] - scored[i]) * (given[i] - scored[i]);
            byChance += ((given[i] - g) * (given[i] - g)) + ((scored[i] - s) * (scored[i] - s));
        }
        return byChance == 0 ? 1 : 1 - (observed / byChance);
    }

    /// <summary>The mean over seeds of the recovered gain.</summary>
    /// <param name="seeds">For each seed, the resampled QWK of a row, of the items' own models and of the frozen base.</param>
    public static Interval RecoveredGain(IReadOnlyCollection<(double[] Served, double[] Own, double[] FrozenBase)> seeds) =>
        Of(Enumerable.Range(0, Resamples).Select(resample => seeds.Average(seed =>
            QualityTable.RecoveredGain(seed.Served[resample], seed.Own[resample], seed.FrozenBase[resample]) ?? double.NaN)));

    /// <summary>The mean over seeds of the difference in QWK, first minus second.</summary>
    public static Interval Difference(IReadOnlyCollection<(double[] First, double[] Second)> seeds) =>
        Of(Enumerable.Range(0, Resamples).Select(resample => seeds.Average(seed => seed.First[resample] - seed.Second[resample])));

    // Where a resample leaves the gain undefined, it counts for neither side.
    static Interval Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Where(double.IsFinite).Order()];
        return sorted.Length == 0 ? new(double.NaN, double.NaN) : new(At(0.025), At(0.975));

        double At(double share) => sorted[(int)Math.Round(share * (sorted.Length - 1))];
    }
}
