using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Alignment;

/// <summary>The feature clouds of one item, one for each draw of responses.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Draws">Shape <c>[responses, hidden]</c> each; at least one, and the same number for every item that is compared.</param>
public sealed record ItemCloud(string ItemId, ImmutableArray<Tensor> Draws);

/// <summary>The distance of two items.</summary>
/// <param name="Mean">Mean over the draws.</param>
/// <param name="Deviation">Standard deviation over the draws (n − 1 in the denominator); 0 for one draw.</param>
public readonly record struct CloudDistance(double Mean, double Deviation);

/// <summary>The clouds of all items, ready to be compared pair by pair; safe to use from several threads.</summary>
public sealed class CloudComparison
{
    readonly ImmutableArray<DistanceMatrix>[] metrics;
    readonly Lazy<DistanceDistribution>[][] distributions;
    readonly int starts;
    readonly int seed;
    readonly GwOutput output;

    CloudComparison(ImmutableArray<string> itemIds, ImmutableArray<DistanceMatrix>[] metrics, int starts, int seed, GwOutput output)
    {
        (ItemIds, this.metrics, this.starts, this.seed, this.output) = (itemIds, metrics, starts, seed, output);
        distributions = Array.ConvertAll(metrics, draws => draws.Select(draw => new Lazy<DistanceDistribution>(() => new(draw))).ToArray());
    }

    /// <summary>The items.</summary>
    public ImmutableArray<string> ItemIds { get; }

    /// <summary>Draws of responses per item.</summary>
    public int Draws => metrics.Length == 0 ? 0 : metrics[0].Length;

    /// <summary>Computes the distances within every cloud.</summary>
    /// <param name="clouds">The items' clouds.</param>
    /// <param name="threads">Clouds worked on at the same time, at least 1.</param>
    /// <param name="starts">Couplings that each comparison starts from, at least 1.</param>
    /// <param name="seed">Seed of the starts that are random.</param>
    /// <param name="output">Which number stands for a discrepancy.</param>
    /// <param name="stop">Stops between two clouds.</param>
    /// <exception cref="ArgumentException">Items have different numbers of draws, or features are not finite matrices.</exception>
    public static CloudComparison Of(
        IReadOnlyList<ItemCloud> clouds,
        int threads,
        int starts = 1,
        int seed = 0,
        GwOutput output = GwOutput.Squared,
        CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(clouds);
        if (clouds.Any(cloud => cloud.Draws.Length != clouds[0].Draws.Length || cloud.Draws.IsEmpty))
            throw new ArgumentException("Every item needs the same number of draws, at least one.", nameof(clouds));
        var metrics = new ImmutableArray<DistanceMatrix>[clouds.Count];
        Parallel.For(0, clouds.Count, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, i =>
            metrics[i] = [.. clouds[i].Draws.Select(DistanceMatrix.Euclidean)]);
        return new([.. clouds.Select(cloud => cloud.ItemId)], metrics, starts, seed, output);
    }

    /// <summary>Compares two items.</summary>
    /// <param name="i">Index of the first.</param>
    /// <param name="j">Index of the second. Several starts may end differently when the two are exchanged.</param>
    /// <param name="stop">Ends the search between two steps.</param>
    public CloudDistance Distance(int i, int j, CancellationToken stop = default)
    {
        double[] found = [.. Enumerable.Range(0, Draws).Select(draw =>
            Output(GromovWasserstein.Distance(metrics[i][draw], metrics[j][draw], starts, seed, stop).Distance))];
        var mean = found.Average();
        return new(mean, found.Length == 1 ? 0 : Math.Sqrt(found.Sum(value => (value - mean) * (value - mean)) / (found.Length - 1)));
    }

    /// <summary>What <see cref="Distance"/> cannot be below; costs one pass over the sorted distances.</summary>
    public double LowerBound(int i, int j) => Enumerable.Range(0, Draws)
        .Average(draw => Output(DistanceDistribution.LowerBound(distributions[i][draw].Value, distributions[j][draw].Value)));

    double Output(double objective) => output == GwOutput.HalfRoot ? Math.Sqrt(objective) / 2 : objective;
}
