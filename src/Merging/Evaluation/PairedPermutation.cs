using System.Numerics.Tensors;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// Whether two methods differ by more than chance: if they did not, each response might as well have got the other one's prediction (Noreen 1989).
/// Predictions
/// are exchanged response by response, and the difference of the metrics' means over items is compared with the one observed.
/// </summary>
public static class PairedPermutation
{
    /// <summary>Exchanges that are tried unless another number is asked for.</summary>
    public const int DefaultPermutations = 10_000;

    // Two ways of adding up the same numbers may differ by rounding.
    const double Rounding = 1e-12;

    /// <summary>
    /// Two-sided p-values of the differences: the share of exchanges whose difference is at least as large. All exchanges are enumerated where they
    /// are no more
    /// than <paramref name="permutations"/>; otherwise that many are drawn, and the observed one counts among them.
    /// </summary>
    /// <param name="items">For each item, what the two methods predict for the same responses.</param>
    /// <param name="seed">The same seed draws the same exchanges.</param>
    /// <param name="permutations">Most exchanges that are tried, at least 1.</param>
    public static PerMetric<double> PValues(
        IReadOnlyCollection<(ItemPredictions Method, ItemPredictions Other)> items, int seed, int permutations = DefaultPermutations)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfLessThan(permutations, 1);
        // Where two methods agree on everything, nothing can be exchanged and the difference stays 0.
        Exchange[] exchanges = [.. items.Select(item => new Exchange(item.Method, item.Other)).Where(exchange => exchange.KindOf.Length > 0)];
        var differing = exchanges.Sum(exchange => exchange.KindOf.Length);
        var all = differing < 31 && 1 << differing <= permutations;
        var (trials, random) = (all ? 1 << differing : permutations, new Random(seed));

        var observed = Difference(exchanges, _ => false);
        var asLarge = new int[observed.Length];
        for (var trial = 0; trial < trials; trial++)
        {
            var difference = Difference(exchanges, all ? place => (trial >> place & 1) == 1 : _ => random.Next(2) == 1);
            for (var metric = 0; metric < observed.Length; metric++)
                asLarge[metric] += Math.Abs(difference[metric]) >= Math.Abs(observed[metric]) - Rounding ? 1 : 0;
        }
        return PerMetric.Of(metric => all ? (double)asLarge[metric] / trials : (asLarge[metric] + 1.0) / (trials + 1));
    }

    /// <summary>Sums over items of the metrics' differences, after an exchange.</summary>
    /// <param name="exchanges">The items.</param>
    /// <param name="swap">Whether the predictions at a place are exchanged; asked for each place once, in order.</param>
    static double[] Difference(Exchange[] exchanges, Func<int, bool> swap)
    {
        var difference = new double[PerMetric.Readings.Length];
        var place = 0;
        foreach (var exchange in exchanges)
        {
            var swapped = new double[exchange.Kinds.Length];
            foreach (var kind in exchange.KindOf)
                swapped[kind] += swap(place++) ? 1 : 0;
            double[] one = [.. exchange.Method], two = [.. exchange.Other];
            foreach (var (kind, toOther) in exchange.Kinds.Index())
            {
                TensorPrimitives.MultiplyAdd(toOther, swapped[kind], one, one);
                TensorPrimitives.MultiplyAdd(toOther, -swapped[kind], two, two);
            }
            var (method, other) = (Tally.ToMetrics(one), Tally.ToMetrics(two));
            foreach (var (metric, read) in PerMetric.Readings.Index())
                difference[metric] += read(method) - read(other);
        }
        return difference;
    }

    /// <summary>
    /// Two methods' sums over one item's responses, what exchanging predictions adds to the first, kind by kind, and of which kind each response is
    /// on
    /// which the two differ.
    /// </summary>
    sealed class Exchange
    {
        public Exchange(ItemPredictions method, ItemPredictions other)
        {
            double[][] ofMethod = method.Tallies(), ofOther = other.Tallies();
            (Method, Other) = (Sum(ofMethod), Sum(ofOther));
            var differences = ofMethod.Zip(ofOther, (a, b) => b.Zip(a, (x, y) => x - y).ToArray());
            (Kinds, KindOf) = Tally.Distinct(differences.Where(row => row.Any(value => value != 0)));
        }

        public double[] Method { get; }

        public double[] Other { get; }

        public double[][] Kinds { get; }

        public int[] KindOf { get; }

        static double[] Sum(double[][] rows)
        {
            var sums = new double[rows[0].Length];
            foreach (var row in rows)
                TensorPrimitives.Add(sums, row, sums);
            return sums;
        }
    }
}
