using System.Collections.Immutable;

namespace ScoringService.Merging.Planning;

/// <summary>Two clusters becoming one.</summary>
/// <param name="Left">
/// The cluster that holds the earlier first item: below the number of items it is that item, otherwise items + index of an earlier merge.
/// </param>
/// <param name="Right">The other cluster, numbered in the same way.</param>
/// <param name="Height">
/// Dissimilarity of the two by the linkage: 1 − similarity, 0 to 1; in the unit of the distances where these were not all computed.
/// </param>
/// <param name="Size">Items in the cluster that results.</param>
public readonly record struct ClusterMerge(int Left, int Right, double Height, int Size);

/// <summary>The order in which items join, nearest first.</summary>
/// <param name="ItemIds">The items.</param>
/// <param name="Merges">
/// At most items − 1 merges with non-decreasing heights; fewer if a largest group size forbade some, or the clustering ended at a number of groups.
/// </param>
public sealed record Dendrogram(ImmutableArray<string> ItemIds, ImmutableArray<ClusterMerge> Merges)
{
    /// <summary>
    /// The plan with the given number of groups, or with the fewest possible when a largest group size does not let it come so low.
    /// </summary>
    /// <remarks>
    /// The cut counts merges: the first (items − groups) are made, tied heights or not. The public GW-SMM code cuts at a height instead (SciPy's
    /// <c>distance</c> criterion), which also makes every merge that ties with the last one and so may leave fewer groups than asked for.
    /// </remarks>
    /// <param name="groups">1 to the number of items.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than one group, or more groups than items.</exception>
    public MergePlan Cut(int groups)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(groups, ItemIds.Length);
        var clusters = Enumerable.Range(0, ItemIds.Length).ToDictionary(item => item, item => ImmutableArray.Create(ItemIds[item]));
        foreach (var (merge, index) in Merges.Take(ItemIds.Length - groups).Select((merge, index) => (merge, index)))
        {
            clusters.Remove(merge.Left, out var left);
            clusters.Remove(merge.Right, out var right);
            clusters.Add(ItemIds.Length + index, left.AddRange(right));
        }
        return MergePlan.Of(clusters.Values.Select(cluster => cluster.AsEnumerable()), ItemIds);
    }
}
