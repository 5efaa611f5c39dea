using System.Collections.Immutable;

namespace ScoringService.Merging.Planning;

/// <summary>The state of a clustering: which clusters there are, and how far apart.</summary>
/// <param name="distances">Dissimilarities of the items.</param>
/// <param name="linkage">How far apart two clusters are.</param>
/// <param name="maxGroupSize">Items of the largest cluster that may form.</param>
sealed class Agglomeration(BoundedDistances distances, Linkage linkage, int maxGroupSize)
{
    // Bounded pairs computed at once: work for several threads. A fixed number, or what is computed would depend on the machine.
    const int ComputedAtOnce = 4;

    // A cluster keeps the row of its first item, which is also its place among the others.
    readonly List<Cluster> clusters = [.. Enumerable.Range(0, distances.Count).Select(item => new Cluster(item, 1, item))];
    readonly Gap[][] gaps = [.. Enumerable.Range(0, distances.Count).Select(i =>
        Enumerable.Range(0, distances.Count).Select(j => new Gap(distances[i, j], distances.IsExact(i, j))).ToArray())];
    readonly ImmutableArray<ClusterMerge>.Builder merges = ImmutableArray.CreateBuilder<ClusterMerge>();

    /// <summary>Merges until so many clusters are left, or no two may merge.</summary>
    /// <param name="groups">Number of clusters, at least 1.</param>
    /// <param name="progress">Told the share of the merges that is made, 0 to 1.</param>
    public ImmutableArray<ClusterMerge> Until(int groups, IProgress<double>? progress)
    {
        while (clusters.Count > groups && Nearest() is var (left, right))
        {
            Join(left, right);
            progress?.Report((double)merges.Count / (distances.Count - groups));
        }
        return merges.ToImmutable();
    }

    void Join(Cluster left, Cluster right)
    {
        var joined = new Cluster(distances.Count + merges.Count, left.Size + right.Size, left.Row);
        merges.Add(new(left.Id, right.Id, gaps[left.Row][right.Row].Value, joined.Size));
        clusters[clusters.IndexOf(left)] = joined;
        clusters.Remove(right);
        foreach (var other in clusters.Where(cluster => cluster != joined))
            SetGap(joined, other, Update(left.Size, gaps[left.Row][other.Row], right.Size, gaps[right.Row][other.Row]));
    }

    (Cluster Left, Cluster Right)? Nearest()
    {
        while (true)
        {
            (Cluster Left, Cluster Right)? nearest = null;
            var (least, leastExact) = (new Gap(double.PositiveInfinity, true), double.PositiveInfinity);
            foreach (var pair in Allowed())
            {
                var gap = gaps[pair.Left.Row][pair.Right.Row];
                if (gap.Value < least.Value)
                    (nearest, least) = (pair, gap);
                if (gap.Exact)
                    leastExact = Math.Min(leastExact, gap.Value);
            }
            if (least.Exact)
                return nearest;
            Compute(leastExact);
        }
    }

    /// <summary>Computes the nearest of the pairs that are bounded at or below a distance: beyond it a pair cannot be the nearest.</summary>
    void Compute(double distance)
    {
        (Cluster Left, Cluster Right)[] bounded = [.. Allowed()
            .Where(pair => gaps[pair.Left.Row][pair.Right.Row] is { Exact: false } gap && gap.Value <= distance)
            .OrderBy(pair => gaps[pair.Left.Row][pair.Right.Row].Value)
            .Take(ComputedAtOnce)];
        distances.Compute(
            from pair in bounded from i in ItemsOf(pair.Left.Id) from j in ItemsOf(pair.Right.Id) select (i, j));
        foreach (var (left, right) in bounded)
            SetGap(left, right, Measure(left.Id, right.Id));
    }

    IEnumerable<(Cluster Left, Cluster Right)> Allowed()
    {
        for (var i = 0; i < clusters.Count; i++)
        {
            for (var j = i + 1; j < clusters.Count; j++)
            {
                if (clusters[i].Size + clusters[j].Size <= maxGroupSize)
                    yield return (clusters[i], clusters[j]);
            }
        }
    }

    /// <summary>The gap between two clusters by the steps that would have led to it, had every distance been known from the start.</summary>
    Gap Measure(int a, int b)
    {
        var (earlier, later) = (Math.Min(a, b), Math.Max(a, b));
        if (later < distances.Count)
            return new(distances[earlier, later], distances.IsExact(earlier, later));
        var (left, right, _, _) = merges[later - distances.Count];
        return Update(SizeOf(left), Measure(left, earlier), SizeOf(right), Measure(right, earlier));
    }

    /// <summary>The gap between a cluster and two others that have become one.</summary>
    Gap Update(int leftSize, Gap left, int rightSize, Gap right) => linkage switch
    {
        Linkage.Complete => new(Math.Max(left.Value, right.Value), left.Exact && right.Exact),
        // A bound that is not below a distance leaves the smaller of the two known.
        Linkage.Single => left.Value < right.Value || (left.Value == right.Value && left.Exact) ? left : right,
        _ => new(((leftSize * left.Value) + (rightSize * right.Value)) / (leftSize + rightSize), left.Exact && right.Exact),
    };

    void SetGap(Cluster a, Cluster b, Gap gap) => gaps[a.Row][b.Row] = gaps[b.Row][a.Row] = gap;

    int SizeOf(int id) => id < distances.Count ? 1 : merges[id - distances.Count].Size;

    IEnumerable<int> ItemsOf(int id) => id < distances.Count
        ? [id]
        : ItemsOf(merges[id - distances.Count].Left).Concat(ItemsOf(merges[id - distances.Count].Right));

    /// <summary>A cluster: numbered as in <see cref="ClusterMerge"/>, with its items' number and the row of its gaps.</summary>
    readonly record struct Cluster(int Id, int Size, int Row);

    /// <summary>How far apart two clusters are, or what they cannot be nearer than.</summary>
    readonly record struct Gap(double Value, bool Exact);
}
