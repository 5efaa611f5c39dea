using System.Collections.Immutable;

namespace ScoringService.Merging.Evaluation;

/// <summary>
/// The probability above which a label counts as present, chosen for the best F1 on validation responses (Lewis 1995).
/// </summary>
/// <remarks>
/// A threshold chosen on a few responses fits their chance more than the label. It therefore stays at one half for a label with fewer than
/// <see cref="LeastOfEach"/> responses that have it or that lack it, and for one on which thresholds chosen on four fifths of the responses
/// do not decide the remaining fifths better than one half does.
/// </remarks>
public static class DecisionThreshold
{
    /// <summary>Where a threshold is that nothing speaks against.</summary>
    public const float Default = 0.5f;

    /// <summary>Responses with the label, and responses without it, that a threshold is chosen on at least.</summary>
    public const int LeastOfEach = 10;

    const int Folds = 5;

    /// <summary>Chooses a threshold.</summary>
    /// <param name="probabilities">The label's probability in each response.</param>
    /// <param name="holds">Whether people gave it.</param>
    /// <returns>
    /// The threshold, and for each response a decision by a threshold that was chosen without it: what the choice is worth on responses it has not
    /// seen.
    /// </returns>
    public static (float Threshold, ImmutableArray<bool> Decisions) Fit(IReadOnlyList<double> probabilities, IReadOnlyList<bool> holds)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        ArgumentNullException.ThrowIfNull(holds);
        var byDefault = probabilities.Select(p => p > Default).ToImmutableArray();
        if (holds.Count(h => h) < LeastOfEach || holds.Count(h => !h) < LeastOfEach)
            return (Default, byDefault);

        var rows = probabilities.Zip(holds, (probability, held) => (Probability: probability, Holds: held)).ToArray();
        var folds = FoldOf(holds);
        var others = Enumerable.Range(0, Folds).Select(fold => Best([.. rows.Where((_, row) => folds[row] != fold)])).ToArray();
        var unseen = rows.Select((row, i) => row.Probability > others[folds[i]]).ToImmutableArray();
        return F1(unseen, holds) > F1(byDefault, holds) ? (Best(rows), unseen) : (Default, byDefault);
    }

    /// <summary>
    /// The threshold with the best F1; of equals the range nearest to one half, and within it one half or, where that lies outside, the middle.
    /// </summary>
    /// <param name="rows">Probabilities of a label, and whether it holds.</param>
    internal static float Best((double Probability, bool Holds)[] rows)
    {
        var groups = rows.GroupBy(row => row.Probability).OrderByDescending(group => group.Key).ToArray();
        var positives = rows.Count(row => row.Holds);
        var (best, chosen, present, both) = (0.0, Default, 0, 0);
        for (var i = 0; i < groups.Length; i++)
        {
            present += groups[i].Count();
            both += groups[i].Count(row => row.Holds);
            var f1 = Tally.F1(both, present + positives - (2 * both));
            // Any threshold from the next probability, which it leaves out, up to this one decides alike.
            var (low, high) = (i + 1 < groups.Length ? groups[i + 1].Key : 0, groups[i].Key);
            var threshold = low <= Default && Default < high ? Default : (float)((low + high) / 2);
            if (f1 > best || (f1 == best && best > 0 && Math.Abs(threshold - Default) < Math.Abs(chosen - Default)))
                (best, chosen) = (f1, threshold);
        }
        return chosen;
    }

    /// <summary>Deals the responses that have the label round the folds, and those that lack it.</summary>
    static int[] FoldOf(IReadOnlyList<bool> holds)
    {
        var dealt = (With: 0, Without: 0);
        return [.. holds.Select(held => (held ? dealt.With++ : dealt.Without++) % Folds)];
    }

    static double F1(ImmutableArray<bool> decisions, IReadOnlyList<bool> holds)
    {
        var pairs = decisions.Zip(holds).ToArray();
        return Tally.F1(pairs.Count(pair => pair.First && pair.Second), pairs.Count(pair => pair.First != pair.Second));
    }
}
