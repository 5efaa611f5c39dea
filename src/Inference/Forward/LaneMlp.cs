using System.Collections.Immutable;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>Up to sixteen responses that lie side by side in vectors, filled up to the longest of them.</summary>
/// <param name="First">Place of the first.</param>
/// <param name="Responses">How many, 1 to 16.</param>
/// <param name="Tokens">Tokens of the longest.</param>
/// <param name="Rows">Tokens of all.</param>
readonly record struct LaneGroup(int First, int Responses, int Tokens, int Rows)
{
    // In the time that one token of one response takes in the product, as measured on vectors of 512 bits: blending for sixteen side by side, blending for
    // one by rows, and a row, which by rows is one of eight whether or not there are as many.
    const double LaneBlend = 100, RowBlend = 12, Row = 1.2;

    /// <summary>Whether side by side is faster than one after the other.</summary>
    public bool IsWorthIt => LaneBlend + (SparseBlend.Lanes * Tokens) < (RowBlend * Responses) + (Row * Rows);

    /// <summary>The group that begins at a place.</summary>
    public static LaneGroup At(RaggedBatch batch, int place)
    {
        var (responses, tokens, rows) = (Math.Min(SparseBlend.Lanes, batch.Responses - place), 0, 0);
        for (var lane = 0; lane < responses; lane++)
        {
            tokens = Math.Max(tokens, batch.Tokens(place + lane));
            rows += batch.Tokens(place + lane);
        }
        return new(place, responses, tokens, rows);
    }
}

/// <summary>
/// E-WEMoE's MLP for sixteen responses at a time. Pruned task vectors need no product with their zeros, but what they keep lies at other places for each
/// expert; with a response in each lane of a vector, every value that is kept is one multiply-add, whatever the routing weights are.
/// </summary>
sealed unsafe class LaneMlp(SparseBlend up, SparseBlend down) : IDisposable
{
    /// <summary>Whether so little is kept that leaving out zeros is worth more than blending whole vectors of one response's weights.</summary>
    public static bool IsFaster(ImmutableArray<TaskVector> vectors) => vectors.Sum(vector => (long)vector.NonZeros) * 3 < vectors.Sum(vector => (long)vector.Length);

    /// <summary>Transforms the rows of a group: the same bits as row by row.</summary>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="group">The responses.</param>
    /// <param name="routing">Routing weights of all responses of the batch, <paramref name="routingStride"/> apart; the first of each is not read.</param>
    /// <param name="routingStride">1 + experts.</param>
    /// <param name="x">Rows of the batch, <paramref name="stride"/> apart.</param>
    /// <param name="y">Receives the rows, as far apart.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    public void Apply(Workspace workspace, LaneGroup group, float* routing, int routingStride, float* x, float* y, int stride)
    {
        const int lanes = SparseBlend.Lanes;
        var (tokens, width) = (LaneProduct.Filled(group.Tokens), up.Inputs);
        var shares = workspace.Take(Slot.LaneRouting, (routingStride - 1) * lanes);
        for (var expert = 0; expert < routingStride - 1; expert++)
        {
            for (var lane = 0; lane < lanes; lane++)
                shares[(expert * lanes) + lane] = lane < group.Responses ? routing[((nint)(group.First + lane) * routingStride) + expert + 1] : 0;
        }

        var input = workspace.Take(Slot.LaneInput, (long)width * tokens * lanes);
        var middle = workspace.Take(Slot.Middle, (long)up.FilledOutputs * tokens * lanes);
        var output = workspace.Take(Slot.LaneOutput, (long)down.FilledOutputs * tokens * lanes);
        var tile = workspace.Take(Slot.Blended, SparseBlend.TileNumbers + (Math.Max(up.FilledOutputs, down.FilledOutputs) * lanes));
        var nowhere = workspace.Take(Slot.Nowhere, stride);
        var rows = stackalloc float*[lanes];

        new Span<float>(nowhere, stride).Clear();
        for (var token = 0; token < tokens; token++)
        {
            RowsOf(token, x, rows);
            Transposition.FromRows(rows, width, input + (token * lanes), tokens * lanes);
        }
        LaneProduct.Multiply<Gelu>(up, shares, input, tokens, tile, middle);
        LaneProduct.Multiply<Identity>(down, shares, middle, tokens, tile, output);
        for (var token = 0; token < group.Tokens; token++)
        {
            RowsOf(token, y, rows);
            Transposition.ToRows(output + (token * lanes), tokens * lanes, width, rows);
        }

        // Where a response has no such token there are zeros to read and nothing to write.
        void RowsOf(int token, float* all, float** rows)
        {
            var batch = workspace.Batch;
            for (var lane = 0; lane < lanes; lane++)
            {
                var place = group.First + lane;
                rows[lane] = lane < group.Responses && token < batch.Tokens(place) ? all + ((nint)(batch.Start(place) + token) * stride) : nowhere;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        up.Dispose();
        down.Dispose();
    }
}
