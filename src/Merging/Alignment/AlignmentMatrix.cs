using System.Collections.Immutable;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Alignment;

/// <summary>How far the item models' feature clouds lie apart (GW-SMM §3).</summary>
/// <param name="ItemIds">The items, in the order of rows and columns.</param>
/// <param name="Distances">
/// Gromov-Wasserstein distances <c>[items, items]</c>, means over the draws: symmetric, at least 0, zero on the diagonal by definition.
/// </param>
/// <param name="Deviations">Their standard deviations over several draws of responses <c>[items, items]</c>; null for one draw.</param>
public sealed record AlignmentMatrix(
    ImmutableArray<string> ItemIds, ImmutableArray<ImmutableArray<double>> Distances, ImmutableArray<ImmutableArray<double>>? Deviations = null)
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
            var (nearest, range) = (Distances.Min(row => row.Min()), Range);
            return [.. Distances.Select(row => row.Select(d => 1 - ((d - nearest) / range)).ToImmutableArray())];
        }
    }

    /// <summary>Largest minus smallest distance; 1 if no two items differ.</summary>
    internal double Range
    {
        get
        {
            double nearest = Distances.Min(row => row.Min()), farthest = Distances.Max(row => row.Max());
            return farthest > nearest ? farthest - nearest : 1;
        }
    }

    /// <summary>Compares every pair of clouds, one cloud an item.</summary>
    /// <param name="clouds">An item's id and the features of its responses by its own model, <c>[responses, hidden]</c>.</param>
    /// <param name="threads">Pairs compared at the same time, at least 1.</param>
    /// <param name="progress">Told the share of the pairs that is done, 0 to 1.</param>
    /// <param name="stop">Ends the work between two steps of a comparison.</param>
    public static AlignmentMatrix Of(
        IReadOnlyList<KeyValuePair<string, Tensor>> clouds, int threads, IProgress<double>? progress = null, CancellationToken stop = default) =>
        Of(CloudComparison.Of([.. clouds.Select(cloud => new ItemCloud(cloud.Key, [cloud.Value]))], threads, stop: stop), threads, progress, stop);

    /// <summary>Compares every pair.</summary>
    /// <param name="comparison">The items' clouds.</param>
    /// <param name="threads">Pairs compared at the same time, at least 1.</param>
    /// <param name="progress">Told the share of the pairs that is done, 0 to 1.</param>
    /// <param name="stop">Ends the work between two steps of a comparison.</param>
    public static AlignmentMatrix Of(CloudComparison comparison, int threads, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(comparison);
        var count = comparison.ItemIds.Length;
        (int Row, int Column)[] pairs = [.. from i in Enumerable.Range(0, count) from j in Enumerable.Range(0, i) select (i, j)];
        var found = new CloudDistance[count, count];
        var done = 0;
        Parallel.ForEach(pairs, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, pair =>
        {
            found[pair.Row, pair.Column] = found[pair.Column, pair.Row] = comparison.Distance(pair.Row, pair.Column, stop);
            progress?.Report((double)Interlocked.Increment(ref done) / pairs.Length);
        });
        return new(comparison.ItemIds, Rows(distance => distance.Mean), comparison.Draws > 1 ? Rows(distance => distance.Deviation) : null);

        ImmutableArray<ImmutableArray<double>> Rows(Func<CloudDistance, double> value) =>
            [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count).Select(j => value(found[i, j])).ToImmutableArray())];
    }
}
