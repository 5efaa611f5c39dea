using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Alignment;

/// <summary>How far the item models' feature clouds lie apart (GW-SMM §3).</summary>
/// <param name="ItemIds">The items, in the order of rows and columns.</param>
/// <param name="Distances">Gromov-Wasserstein distances <c>[items, items]</c>: symmetric, at least 0, zero on the diagonal by definition.</param>
public sealed record AlignmentMatrix(ImmutableArray<string> ItemIds, ImmutableArray<ImmutableArray<double>> Distances)
{
    /// <summary>
    /// Similarity <c>[items, items]</c>, min-max over the whole matrix: 1 − (D − min D) / (max D − min D). The diagonal is 1 and the farthest pair 0;
    /// if no two items differ, all are 1.
    /// </summary>
    [JsonIgnore]
    public ImmutableArray<ImmutableArray<double>> Similarity
    {
        get
        {
            double nearest = Distances.Min(row => row.Min()), farthest = Distances.Max(row => row.Max());
            var range = farthest > nearest ? farthest - nearest : 1;
            return [.. Distances.Select(row => row.Select(d => 1 - ((d - nearest) / range)).ToImmutableArray())];
        }
    }

    /// <summary>Compares every pair of clouds.</summary>
    /// <param name="clouds">An item's id and the features of its responses by its own model, <c>[responses, hidden]</c>.</param>
    /// <param name="threads">Pairs compared at the same time, at least 1.</param>
    /// <param name="progress">Told the share of the pairs that is done, 0 to 1.</param>
    /// <param name="stop">Ends the work between two steps of a comparison.</param>
    public static AlignmentMatrix Of(
        IReadOnlyList<KeyValuePair<string, Tensor>> clouds, int threads, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(clouds);
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop };
        var metrics = new DistanceMatrix[clouds.Count];
        Parallel.For(0, clouds.Count, options, i => metrics[i] = DistanceMatrix.Euclidean(clouds[i].Value));

        (int Row, int Column)[] pairs = [.. from i in Enumerable.Range(0, clouds.Count) from j in Enumerable.Range(0, i) select (i, j)];
        var distances = new double[clouds.Count, clouds.Count];
        var done = 0;
        Parallel.ForEach(pairs, options, pair =>
        {
            var distance = GromovWasserstein.Distance(metrics[pair.Row], metrics[pair.Column], stop).Distance;
            distances[pair.Row, pair.Column] = distances[pair.Column, pair.Row] = distance;
            progress?.Report((double)Interlocked.Increment(ref done) / pairs.Length);
        });
        return new AlignmentMatrix(
            [.. clouds.Select(cloud => cloud.Key)],
            [.. Enumerable.Range(0, clouds.Count).Select(i => Enumerable.Range(0, clouds.Count).Select(j => distances[i, j]).ToImmutableArray())]);
    }
}
