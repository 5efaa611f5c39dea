namespace ScoringService.Merging.Search;

/// <summary>
/// Which of the methods tried is taken: of those that hold the floor and reach the best one's QWK on validation within a tolerance, the smallest.
/// Where none holds the floor, the one with the highest QWK.
/// </summary>
static class MethodChoice
{
    /// <summary>The methods that may still be chosen, whatever else is tried.</summary>
    /// <param name="tried">The methods tried so far.</param>
    /// <param name="tolerance">QWK that may be given up for fewer bytes.</param>
    /// <returns>Positions in <paramref name="tried"/>; the first is the choice as things stand. Empty where nothing was finished.</returns>
    public static IEnumerable<int> Contenders(IEnumerable<SearchCandidate> tried, double tolerance)
    {
        var finished = tried.Index().Where(candidate => candidate.Item.Reason is null).ToArray();
        var holders = finished.Where(candidate => candidate.Item.HoldsFloor != false).ToArray();
        var (eligible, allowed) = holders.Length > 0 ? (holders, tolerance) : (finished, 0);
        var least = eligible.Select(Qwk).DefaultIfEmpty().Max() - allowed;
        var best = double.NegativeInfinity;
        var near = eligible.Where(candidate => Qwk(candidate) >= least);
        foreach (var candidate in near.OrderBy(candidate => candidate.Item.Bytes).ThenByDescending(Qwk))
        {
            // What is larger and no better than another is never chosen before it.
            if (Qwk(candidate) <= best)
                continue;
            best = Qwk(candidate);
            yield return candidate.Index;
        }

        // Without validation responses all are alike, and size alone decides.
        static double Qwk((int Index, SearchCandidate Item) candidate) => candidate.Item.ValidationQwk ?? 0;
    }
}
