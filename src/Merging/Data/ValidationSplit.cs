using System.Collections.Immutable;

namespace ScoringService.Merging.Data;

/// <summary>Sets responses aside for validation where a data set names none.</summary>
public static class ValidationSplit
{
    const double Share = 0.1;
    const int Seed = 0;

    /// <summary>
    /// Takes a tenth of the responses, drawn with a fixed seed and stratified by label combination: each combination gives its tenth to within one
    /// response and keeps at least one, so no label leaves the training split.
    /// </summary>
    /// <param name="responses">All responses that may be trained on.</param>
    /// <returns>The responses that stay and those set aside, both in their original order.</returns>
    public static (ImmutableArray<LabelledResponse> Train, ImmutableArray<LabelledResponse> Validation) HoldOut(
        ImmutableArray<LabelledResponse> responses)
    {
        var strata = Enumerable.Range(0, responses.Length)
            .GroupBy(row => string.Concat(responses[row].Labels.Select(holds => holds ? '1' : '0')))
            .OrderBy(stratum => stratum.Key, StringComparer.Ordinal)
            .Select(stratum => stratum.ToArray())
            .ToArray();

        // Largest remainders: every combination first gives the whole part of its tenth, then those that were cut off most give one more.
        var taken = strata.Select(stratum => (int)(Share * stratum.Length)).ToArray();
        var missing = (int)Math.Round(Share * responses.Length) - taken.Sum();
        var byRemainder = Enumerable.Range(0, strata.Length)
            .Where(s => strata[s].Length > 1)
            .OrderByDescending(s => (Share * strata[s].Length) - taken[s]);
        foreach (var stratum in byRemainder.Take(missing))
            taken[stratum]++;

        var random = new Random(Seed);
        var heldOut = new HashSet<int>();
        foreach (var (stratum, count) in strata.Zip(taken))
        {
            random.Shuffle(stratum);
            heldOut.UnionWith(stratum.Take(count));
        }
        return ([.. responses.Where((_, row) => !heldOut.Contains(row))], [.. responses.Where((_, row) => heldOut.Contains(row))]);
    }
}
