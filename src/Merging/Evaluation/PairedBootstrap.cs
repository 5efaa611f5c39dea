using System.Numerics.Tensors;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// How far metrics might have come out otherwise on other responses to the same items (Efron 1979): responses are drawn again with replacement
/// within each
/// item, the same ones for every method, and metrics are averaged over items as they are for the responses at hand.
/// </summary>
public sealed class PairedBootstrap
{
    /// <summary>Resamples that are drawn unless another number is asked for.</summary>
    public const int DefaultResamples = 1000;

    readonly int items;
    readonly double[][][] sums;

    PairedBootstrap(double[][][] sums, int items) => (this.sums, this.items) = (sums, items);

    /// <summary>Draws the responses of one item again.</summary>
    /// <param name="methods">What each method predicts for the same responses, at least one of them.</param>
    /// <param name="seed">The same seed draws the same responses.</param>
    /// <param name="resamples">How often they are drawn.</param>
    public static PairedBootstrap Of(IReadOnlyList<ItemPredictions> methods, int seed, int resamples = DefaultResamples)
    {
        ArgumentNullException.ThrowIfNull(methods);
        // Responses on which people and all methods agree in the same way count alike: a draw is how many there are of each kind.
        var tallies = methods.Select(method => method.Tallies()).ToArray();
        var width = tallies[0][0].Length;
        var (kinds, kindOf) = Tally.Distinct(tallies[0].Select((_, response) => tallies.SelectMany(tally => tally[response]).ToArray()));
        var values = Empty(methods.Count, resamples);
        var random = new Random(seed);
        var (drawn, sums) = (new double[kinds.Length], new double[methods.Count * width]);
        for (var resample = 0; resample < resamples; resample++)
        {
            Array.Clear(drawn);
            Array.Clear(sums);
            for (var i = 0; i < kindOf.Length; i++)
                drawn[kindOf[random.Next(kindOf.Length)]]++;
            foreach (var (kind, row) in kinds.Index())
                TensorPrimitives.MultiplyAdd(row, drawn[kind], sums, sums);
            for (var method = 0; method < methods.Count; method++)
            {
                var metrics = Tally.ToMetrics(sums.AsSpan(method * width, width));
                foreach (var (metric, read) in PerMetric.Readings.Index())
                    values[method][metric][resample] = read(metrics);
            }
        }
        return new(values, items: 1);
    }

    /// <summary>The means over items, each drawn on its own.</summary>
    /// <param name="items">At least one, with the same methods and number of resamples.</param>
    public static PairedBootstrap Mean(IReadOnlyCollection<PairedBootstrap> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var first = items.First().sums;
        var total = Empty(first.Length, first[0][0].Length);
        foreach (var item in items)
        {
            foreach (var (method, metrics) in item.sums.Index())
            {
                foreach (var (metric, values) in metrics.Index())
                    TensorPrimitives.Add(total[method][metric], values, total[method][metric]);
            }
        }
        return new(total, items.Sum(item => item.items));
    }

    /// <summary>Intervals of a method's metrics.</summary>
    /// <param name="method">Its position.</param>
    public PerMetric<Interval> Of(int method) => PerMetric.Of(metric => Interval.Of(sums[method][metric].Select(sum => sum / items)));

    /// <summary>Intervals of the differences between two methods' metrics.</summary>
    /// <param name="method">Position of the one.</param>
    /// <param name="other">Position of the one that is subtracted.</param>
    public PerMetric<Interval> Difference(int method, int other) => PerMetric.Of(metric =>
        Interval.Of(sums[method][metric].Zip(sums[other][metric], (a, b) => (a - b) / items)));

    /// <summary>
    /// Interval of a recovered gain, (served − frozen base) / (own − frozen base); null where own models beat the frozen base in fewer than 97.5 %
    /// of the
    /// resamples, because a ratio by about nothing says nothing.
    /// </summary>
    internal Interval? RecoveredGain(int served, int frozenBase, int own, int metric)
    {
        double[] gains = [.. Enumerable.Range(0, sums[served][metric].Length)
            .Where(resample => sums[own][metric][resample] > sums[frozenBase][metric][resample])
            .Select(resample => (sums[served][metric][resample] - sums[frozenBase][metric][resample])
                / (sums[own][metric][resample] - sums[frozenBase][metric][resample]))];
        return gains.Length >= 0.975 * sums[served][metric].Length ? Interval.Of(gains) : null;
    }

    static double[][][] Empty(int methods, int resamples) => [.. Enumerable.Range(0, methods).Select(_ =>
        PerMetric.Readings.Select(_ => new double[resamples]).ToArray())];
}
