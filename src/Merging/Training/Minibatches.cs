namespace ScoringService.Merging.Training;

/// <summary>Cuts a training set into batches of responses of similar length, so that little is padded.</summary>
static class Minibatches
{
    // Sorting the whole set would put the same responses together in every epoch.
    const int BatchesSortedTogether = 8;

    /// <summary>The batches of one epoch: every position once, in random order, neighbours by length sharing a batch.</summary>
    /// <param name="lengths">Length of each response in tokens.</param>
    /// <param name="size">Responses per batch; the last batch may be smaller.</param>
    /// <param name="random">Decides the order.</param>
    public static int[][] OfSimilarLength(IReadOnlyList<int> lengths, int size, Random random)
    {
        int[] order = [.. Enumerable.Range(0, lengths.Count)];
        random.Shuffle(order);
        int[][] batches = [.. order.Chunk(size * BatchesSortedTogether).SelectMany(window => window.OrderBy(i => lengths[i]).Chunk(size))];
        random.Shuffle(batches);
        return batches;
    }
}
