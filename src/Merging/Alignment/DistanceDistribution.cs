namespace ScoringService.Merging.Alignment;

/// <summary>How the distances within a cloud are distributed: over all n² ordered pairs of its points, each point with itself included.</summary>
/// <param name="distances">Distances within the cloud.</param>
sealed class DistanceDistribution(DistanceMatrix distances)
{
    // What rounding may take from the objective of a comparison, as a share of the two mean squared distances; the bound stays below that, too.
    const double Rounding = 1e-9;

    readonly int size = distances.Size;
    readonly double[] sorted = distances.Sorted();

    /// <summary>A number that no Gromov-Wasserstein distance of the two clouds is below (the second lower bound, SLB, of Mémoli 2011).</summary>
    /// <remarks>
    /// For any coupling G of the points, G ⊗ G couples the pairs of points: it gives each pair (i,k) of the first cloud its 1/n² and each pair (j,l)
    /// of the second its 1/m². The objective Σ (C₁[i,k] − C₂[j,l])² G[i,j] G[k,l] is therefore the squared cost of one transport between the two
    /// distributions of distances, and at least the cost of the best one: on a line, of the one that keeps the order. The bound holds at every
    /// coupling, hence at whichever local minimum a comparison ends.
    /// </remarks>
    public static double LowerBound(DistanceDistribution x, DistanceDistribution y)
    {
        var (sum, squares) = (0.0, 0.0);
        foreach (var (first, second, units) in UniformMasses.Match(x.size * x.size, y.size * y.size))
        {
            var (a, b) = (x.Quantile(first), y.Quantile(second));
            sum += units * (a - b) * (a - b);
            squares += units * ((a * a) + (b * b));
        }
        return Math.Max(0, sum - (Rounding * squares)) / ((double)x.size * x.size * y.size * y.size);
    }

    // The zeros of the diagonal come first; every other distance stands for two ordered pairs.
    double Quantile(int rank) => rank < size ? 0 : sorted[(rank - size) / 2];
}
