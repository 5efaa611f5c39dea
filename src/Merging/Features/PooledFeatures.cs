using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Features;

/// <summary>Pooled encoder outputs of token sequences, computed in batches of similar length.</summary>
public static class PooledFeatures
{
    /// <summary>Padded tokens of one forward pass: large enough to keep the matrix products busy, small enough to bound the arena.</summary>
    const int TokensPerBatch = 1024;

    /// <summary>Runs the encoder over all responses.</summary>
    /// <param name="encoder">The encoder; its runs may overlap.</param>
    /// <param name="responses">Token ids of each response.</param>
    /// <param name="threads">Forward passes under way at once.</param>
    /// <param name="stop">Stops between batches.</param>
    /// <param name="expert">Position of the responses' item among those of the encoder.</param>
    /// <returns>Shape <c>[responses, hidden]</c>, in the order given.</returns>
    public static Tensor Of(IEncoder encoder, IReadOnlyList<int[]> responses, int threads, CancellationToken stop, int expert = 0)
    {
        var hidden = encoder.HiddenSize;
        var pooled = new float[responses.Count * hidden];
        var options = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop };
        Parallel.ForEach(Batches(responses), options, batch =>
        {
            var rows = new float[batch.Length * hidden];
            encoder.Encode(Array.ConvertAll(batch, i => new EncoderInput(responses[i], expert)), rows);
            for (var row = 0; row < batch.Length; row++)
                rows.AsSpan(row * hidden, hidden).CopyTo(pooled.AsSpan(batch[row] * hidden, hidden));
        });
        return new([responses.Count, hidden], pooled);
    }

    static IEnumerable<int[]> Batches(IReadOnlyList<int[]> responses)
    {
        var byLength = Enumerable.Range(0, responses.Count).OrderByDescending(i => responses[i].Length).ThenBy(i => i).ToArray();
        for (var start = 0; start < byLength.Length;)
        {
            var rows = Math.Clamp(TokensPerBatch / Math.Max(1, responses[byLength[start]].Length), 1, byLength.Length - start);
            yield return byLength[start..(start + rows)];
            start += rows;
        }
    }
}
