namespace ScoringService.Merging.Planning;

/// <summary>Dissimilarities of items, each of them known by a lower bound until it is computed.</summary>
sealed class BoundedDistances
{
    readonly double[,] values;
    readonly bool[,] exact;
    readonly Func<int, int, double> distance;
    readonly ParallelOptions parallel;
    int computed;

    /// <summary>Starts from the bounds.</summary>
    /// <param name="count">Number of items.</param>
    /// <param name="lowerBound">What the dissimilarity of two items cannot be below; the first index is the greater.</param>
    /// <param name="distance">Their dissimilarity; safe to call from several threads.</param>
    /// <param name="threads">Pairs bounded or computed at the same time, at least 1.</param>
    /// <param name="stop">Stops between two pairs.</param>
    public BoundedDistances(
        int count, Func<int, int, double> lowerBound, Func<int, int, double> distance, int threads = 1, CancellationToken stop = default)
        : this(count, distance, threads, stop) =>
        ForEach(Pairs(count), (i, j) => values[i, j] = values[j, i] = lowerBound(i, j));

    BoundedDistances(int count, Func<int, int, double> distance, int threads, CancellationToken stop)
    {
        (values, exact, this.distance) = (new double[count, count], new bool[count, count], distance);
        parallel = new() { MaxDegreeOfParallelism = threads, CancellationToken = stop };
    }

    /// <summary>Number of items.</summary>
    public int Count => values.GetLength(0);

    /// <summary>Pairs computed so far.</summary>
    public int Computed => computed;

    /// <summary>The dissimilarity of two items, or what it cannot be below.</summary>
    public double this[int i, int j] => values[i, j];

    /// <summary>Whether <see cref="this"/> is the dissimilarity itself.</summary>
    public bool IsExact(int i, int j) => exact[i, j];

    /// <summary>Dissimilarities that are all known.</summary>
    public static BoundedDistances Known(int count, Func<int, int, double> distance)
    {
        var known = new BoundedDistances(count, distance, threads: 1, stop: default);
        known.Compute(Pairs(count));
        return known;
    }

    /// <summary>Computes some pairs; those already known cost nothing.</summary>
    public void Compute(IEnumerable<(int, int)> pairs) => ForEach(pairs.Where(pair => !exact[pair.Item1, pair.Item2]), (i, j) =>
    {
        values[i, j] = values[j, i] = distance(i, j);
        exact[i, j] = exact[j, i] = true;
        Interlocked.Increment(ref computed);
    });

    void ForEach(IEnumerable<(int, int)> pairs, Action<int, int> body) =>
        Parallel.ForEach(pairs, parallel, pair => body(Math.Max(pair.Item1, pair.Item2), Math.Min(pair.Item1, pair.Item2)));

    static IEnumerable<(int, int)> Pairs(int count) => from i in Enumerable.Range(0, count) from j in Enumerable.Range(0, i) select (i, j);
}
