using System.Collections.Immutable;
using System.Globalization;

namespace ScoringService.Merging.Planning;

/// <summary>Where a matrix is none of similarities.</summary>
/// <param name="Place">The number or row at fault, such as <c>[2][1]</c>; empty for the whole matrix.</param>
/// <param name="Reason">What to change.</param>
public sealed record SimilarityBreach(string Place, string Reason);

/// <summary>
/// What makes a matrix one of similarities: <c>[items, items]</c>, 0 (nothing in common) to 1 (alike), symmetric, 1 on the diagonal.
/// </summary>
public static class SimilarityRules
{
    /// <summary>Everything that is wrong with a matrix, found while it is enumerated.</summary>
    /// <param name="similarity">The matrix.</param>
    /// <param name="itemIds">The items, in the order of rows and columns.</param>
    public static IEnumerable<SimilarityBreach> Breaches(ImmutableArray<ImmutableArray<double>> similarity, IReadOnlyList<string> itemIds)
    {
        ArgumentNullException.ThrowIfNull(itemIds);
        var count = itemIds.Count;
        if (similarity.IsDefault || similarity.Length != count)
        {
            var rows = similarity.IsDefault ? 0 : similarity.Length;
            yield return new("", $"Give {count} rows of {count} numbers, one row an item; there are {rows} rows.");
            yield break;
        }
        for (var i = 0; i < count; i++)
        {
            if (similarity[i].IsDefault || similarity[i].Length != count)
                yield return new(Place(i), $"The row of '{itemIds[i]}' needs {count} numbers, one an item.");
        }
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                if (similarity[i].IsDefault || similarity[j].IsDefault || similarity[i].Length != count || similarity[j].Length != count)
                    continue;
                var (value, mirrored) = (similarity[i][j], similarity[j][i]);
                if (!(value is >= 0 and <= 1))
                    yield return new(Place(i, j), $"The similarity of '{itemIds[i]}' and '{itemIds[j]}' must lie between 0 and 1.");
                else if (i == j && value != 1)
                    yield return new(Place(i, i), $"'{itemIds[i]}' is as similar to itself as can be: 1. Are these distances?");
                else if (value != mirrored)
                {
                    yield return new(
                        Place(i, j), Invariant($"'{itemIds[j]}' and '{itemIds[i]}' are {mirrored} one way and {value} the other; give one number."));
                }
            }
        }
    }

    static string Place(params int[] indices) => string.Concat(indices.Select(index => Invariant($"[{index}]")));

    static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
