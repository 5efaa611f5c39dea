using System.Collections.Immutable;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Planning;

/// <summary>
/// Agglomerative clustering by the mean dissimilarity between two clusters' items (UPGMA, Sokal and Michener 1958), as GW-SMM groups its models.
/// </summary>
public static class AverageLinkage
{
    /// <summary>Clusters the items of an alignment by 1 − similarity.</summary>
    /// <param name="alignment">The items and their distances.</param>
    /// <param name="maxGroupSize">Merges that would make a larger cluster are skipped; at least 1. Null: no limit.</param>
    public static Dendrogram Cluster(AlignmentMatrix alignment, int? maxGroupSize = null)
    {
        ArgumentNullException.ThrowIfNull(alignment);
        return Cluster(alignment.ItemIds, alignment.Similarity, maxGroupSize);
    }

    /// <summary>Clusters items by 1 − similarity. Of equally near pairs, the one with the earliest first items merges first.</summary>
    /// <param name="itemIds">The items.</param>
    /// <param name="similarity">Symmetric, <c>[items, items]</c>, finite; the diagonal is not read.</param>
    /// <param name="maxGroupSize">Merges that would make a larger cluster are skipped; at least 1. Null: no limit.</param>
    /// <exception cref="ArgumentException">The matrix is not square over the items, not symmetric or not finite.</exception>
    public static Dendrogram Cluster(ImmutableArray<string> itemIds, ImmutableArray<ImmutableArray<double>> similarity, int? maxGroupSize = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroupSize ?? 1, 1, nameof(maxGroupSize));
        Validate(itemIds, similarity);

        var count = itemIds.Length;
        var distances = similarity.Select(row => row.Select(s => 1 - s).ToArray()).ToArray();
        var clusters = Enumerable.Range(0, count).Select(item => (Id: item, Size: 1, Slot: item)).ToList();
        var merges = ImmutableArray.CreateBuilder<ClusterMerge>();
        while (NearestPair(clusters, distances, maxGroupSize ?? count) is var (left, right))
        {
            var (a, b) = (clusters[left], clusters[right]);
            var merged = (Id: count + merges.Count, Size: a.Size + b.Size, a.Slot);
            merges.Add(new ClusterMerge(a.Id, b.Id, distances[a.Slot][b.Slot], merged.Size));
            foreach (var (_, _, other) in clusters)
            {
                var mean = ((a.Size * distances[a.Slot][other]) + (b.Size * distances[b.Slot][other])) / merged.Size;
                distances[a.Slot][other] = distances[other][a.Slot] = mean;
            }
            clusters[left] = merged;
            clusters.RemoveAt(right);
        }
        return new Dendrogram(itemIds, merges.ToImmutable());
    }

    static (int Left, int Right)? NearestPair(List<(int Id, int Size, int Slot)> clusters, double[][] distances, int maxGroupSize)
    {
        (int, int)? nearest = null;
        var least = double.PositiveInfinity;
        for (var i = 0; i < clusters.Count; i++)
        {
            for (var j = i + 1; j < clusters.Count; j++)
            {
                var distance = distances[clusters[i].Slot][clusters[j].Slot];
                if (distance < least && clusters[i].Size + clusters[j].Size <= maxGroupSize)
                    (nearest, least) = ((i, j), distance);
            }
        }
        return nearest;
    }

    static void Validate(ImmutableArray<string> itemIds, ImmutableArray<ImmutableArray<double>> similarity)
    {
        if (similarity.Length != itemIds.Length || similarity.Any(row => row.Length != itemIds.Length))
            throw new ArgumentException(
                $"The similarities of {itemIds.Length} items must be {itemIds.Length} rows of {itemIds.Length} numbers.", nameof(similarity));
        for (var i = 0; i < itemIds.Length; i++)
        {
            for (var j = 0; j < i; j++)
            {
                if (!double.IsFinite(similarity[i][j]) || similarity[i][j] != similarity[j][i])
                {
                    throw new ArgumentException(
                        $"The similarity of '{itemIds[j]}' and '{itemIds[i]}' is {similarity[j][i]} one way and {similarity[i][j]} the other; "
                        + "it must be one finite number.", nameof(similarity));
                }
            }
        }
    }
}
