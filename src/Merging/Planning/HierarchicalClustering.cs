using System.Collections.Immutable;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Planning;

/// <summary>
/// Agglomerative clustering: of all clusters the two that are nearest become one, again and again. What counts as near is the linkage; distances to
/// the new cluster follow from those to its two parts (Lance and Williams 1967).
/// </summary>
/// <remarks>
/// All linkages here weigh the two parts by shares that sum to 1, so stretching or shifting all dissimilarities moves the heights and not the order
/// of the merges: whether items are compared by distance or by 1 − min-max similarity, the plan is the same. That is why a plan can be had without
/// the largest distance.
/// </remarks>
public static class HierarchicalClustering
{
    /// <summary>Clusters the items of an alignment. Heights are dissimilarities as in <see cref="AlignmentMatrix.Similarity"/>, 0 to 1.</summary>
    /// <param name="alignment">The items and their distances.</param>
    /// <param name="linkage">How far apart two clusters are.</param>
    /// <param name="maxGroupSize">Merges that would make a larger cluster are skipped; at least 1. Null: no limit.</param>
    public static Dendrogram Cluster(AlignmentMatrix alignment, Linkage linkage = Linkage.Average, int? maxGroupSize = null)
    {
        ArgumentNullException.ThrowIfNull(alignment);
        var distances = BoundedDistances.Known(alignment.ItemIds.Length, (i, j) => alignment.Distances[i][j]);
        var dendrogram = Cluster(alignment.ItemIds, distances, linkage, maxGroupSize);
        return dendrogram with { Merges = [.. dendrogram.Merges.Select(merge => merge with { Height = merge.Height / alignment.Range })] };
    }

    /// <summary>Clusters items by 1 − similarity. Of equally near pairs, the one with the earliest first items merges first.</summary>
    /// <param name="itemIds">The items.</param>
    /// <param name="similarity">Symmetric, <c>[items, items]</c>, 1 on the diagonal, 0 to 1.</param>
    /// <param name="linkage">How far apart two clusters are.</param>
    /// <param name="maxGroupSize">Merges that would make a larger cluster are skipped; at least 1. Null: no limit.</param>
    /// <exception cref="ArgumentException">The matrix is not one of similarities over the items; the message says where.</exception>
    public static Dendrogram Cluster(
        ImmutableArray<string> itemIds,
        ImmutableArray<ImmutableArray<double>> similarity,
        Linkage linkage = Linkage.Average,
        int? maxGroupSize = null)
    {
        if (SimilarityRules.Breaches(similarity, itemIds).FirstOrDefault() is { } breach)
            throw new ArgumentException(breach.Reason, nameof(similarity));
        return Cluster(itemIds, BoundedDistances.Known(itemIds.Length, (i, j) => 1 - similarity[i][j]), linkage, maxGroupSize);
    }

    /// <summary>Clusters items until a number of groups is reached, and computes no distance that the merges up to there do not depend on.</summary>
    /// <remarks>
    /// A pair of clusters that is bounded only takes its bound by the same arithmetic as a distance would take its value. That arithmetic never falls
    /// when what it is given rises, so the bound stays one. If the pair that comes first is exact, no bounded pair can come before it, whatever its
    /// distance: the merge is the one that all distances would have led to. If it is bounded, its distances are computed and the order is looked at
    /// anew. The merges, and with them the plan, are therefore those of the whole matrix, to the last bit.
    /// </remarks>
    /// <param name="itemIds">The items.</param>
    /// <param name="distances">Their dissimilarities; those that matter are computed.</param>
    /// <param name="linkage">How far apart two clusters are.</param>
    /// <param name="maxGroupSize">Merges that would make a larger cluster are skipped; at least 1. Null: no limit.</param>
    /// <param name="groups">Where to end, at least 1.</param>
    /// <param name="progress">Told the share of the merges that is made, 0 to 1.</param>
    internal static Dendrogram Cluster(
        ImmutableArray<string> itemIds,
        BoundedDistances distances,
        Linkage linkage,
        int? maxGroupSize,
        int groups = 1,
        IProgress<double>? progress = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroupSize ?? 1, 1, nameof(maxGroupSize));
        return new(itemIds, new Agglomeration(distances, linkage, maxGroupSize ?? itemIds.Length).Until(groups, progress));
    }
}
