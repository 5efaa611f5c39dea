namespace ScoringService.Merging.Alignment;

/// <summary>Matches two uniform distributions in order: the optimal transport between sorted points on a line.</summary>
static class UniformMasses
{
    /// <summary>
    /// What each point of the first gives to each of the second, in units of 1 / (<paramref name="first"/> · <paramref name="second"/>).
    /// </summary>
    /// <param name="first">Points of the first, each with <paramref name="second"/> units.</param>
    /// <param name="second">Points of the second, each with <paramref name="first"/> units.</param>
    public static IEnumerable<(int First, int Second, long Units)> Match(int first, int second)
    {
        int i = 0, j = 0;
        long left = second, room = first;
        while (i < first && j < second)
        {
            var units = Math.Min(left, room);
            yield return (i, j, units);
            (left, room) = (left - units, room - units);
            if (left == 0)
                (i, left) = (i + 1, second);
            if (room == 0)
                (j, room) = (j + 1, first);
        }
    }
}
