using System.Collections.Immutable;
using System.Runtime.InteropServices;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// The sums over responses from which every metric follows. Responses drawn again, or exchanged between two models, are judged by adding rows up.
/// </summary>
/// <remarks>
/// A row holds: 1, whether all labels are right, right cells, t, t², p, p², (t − p)² with the given score t and the predicted score p, then for
/// each label
/// whether both sides hold, then for each label whether only one does.
/// </remarks>
static class Tally
{
    const int Count = 0, AllRight = 1, RightCells = 2, Given = 3, GivenSquared = 4, Scored = 5, ScoredSquared = 6, SquaredError = 7, FirstLabel = 8;

    // Below this share of the scores' mean square, a variance is rounding.
    const double Negligible = 1e-12;

    /// <summary>Numbers in a row.</summary>
    public static int Width(int labels) => FirstLabel + (2 * labels);

    /// <summary>Adds a response to the sums.</summary>
    /// <param name="item">The item, for the points of its labels.</param>
    /// <param name="truth">The labels given.</param>
    /// <param name="predicted">The labels predicted.</param>
    /// <param name="sums">A row.</param>
    public static void Add(Item item, ImmutableArray<bool> truth, ImmutableArray<bool> predicted, Span<double> sums)
    {
        var (given, scored, right) = (0.0, 0.0, 0);
        for (var label = 0; label < truth.Length; label++)
        {
            var (t, p) = (truth[label], predicted[label]);
            given += t ? item.Points[label] : 0;
            scored += p ? item.Points[label] : 0;
            right += t == p ? 1 : 0;
            sums[FirstLabel + label] += t && p ? 1 : 0;
            sums[FirstLabel + truth.Length + label] += t != p ? 1 : 0;
        }
        sums[Count]++;
        sums[AllRight] += right == truth.Length ? 1 : 0;
        sums[RightCells] += right;
        sums[Given] += given;
        sums[GivenSquared] += given * given;
        sums[Scored] += scored;
        sums[ScoredSquared] += scored * scored;
        sums[SquaredError] += (given - scored) * (given - scored);
    }

    /// <summary>The metrics of the responses summed up.</summary>
    public static MetricSet ToMetrics(ReadOnlySpan<double> sums)
    {
        var (n, labels) = (sums[Count], (sums.Length - FirstLabel) / 2);
        var (bothHold, oneHolds, macroF1) = (0.0, 0.0, 0.0);
        for (var label = 0; label < labels; label++)
        {
            var (both, one) = (sums[FirstLabel + label], sums[FirstLabel + labels + label]);
            (bothHold, oneHolds, macroF1) = (bothHold + both, oneHolds + one, macroF1 + F1(both, one));
        }

        var (given, scored) = (sums[Given] / n, sums[Scored] / n);
        var (givenVariance, scoredVariance) = (Variance(n, sums[Given], sums[GivenSquared]), Variance(n, sums[Scored], sums[ScoredSquared]));
        var byChance = givenVariance + scoredVariance + ((given - scored) * (given - scored));
        return new MetricSet
        {
            Accuracy = sums[AllRight] / n,
            MacroF1 = macroF1 / labels,
            MicroF1 = F1(bothHold, oneHolds),
            ExactMatch = sums[AllRight] / n,
            PerLabelAccuracy = sums[RightCells] / (n * labels),
            Qwk = byChance == 0 ? 1 : 1 - (sums[SquaredError] / n / byChance),
            Smd = given == scored ? 0 : givenVariance == 0 ? null : (scored - given) / Math.Sqrt(givenVariance),
            N = (int)n,
        };
    }

    /// <summary>The rows that differ, and which of them each row is: few, whatever the number of responses, since labels are few.</summary>
    public static (double[][] Distinct, int[] Positions) Distinct(IEnumerable<double[]> rows)
    {
        var (distinct, places, positions) = (new List<double[]>(), new Dictionary<string, int>(), new List<int>());
        foreach (var row in rows)
        {
            var key = Convert.ToBase64String(MemoryMarshal.AsBytes<double>(row));
            if (places.TryAdd(key, distinct.Count))
                distinct.Add(row);
            positions.Add(places[key]);
        }
        return ([.. distinct], [.. positions]);
    }

    /// <summary>F1 of cells: 2 TP / (2 TP + FP + FN), 0 where undefined.</summary>
    /// <param name="both">True positives.</param>
    /// <param name="one">False positives and false negatives.</param>
    public static double F1(double both, double one) => both == 0 ? 0 : 2 * both / ((2 * both) + one);

    static double Variance(double n, double sum, double squares)
    {
        var variance = ((n * squares) - (sum * sum)) / (n * n);
        return variance <= Negligible * squares / n ? 0 : variance;
    }
}
