using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>A linear layer of a forward pass, or several that read the same rows.</summary>
abstract unsafe class Projection : IDisposable
{
    /// <summary>Numbers from one row of the result to the next.</summary>
    public abstract int Stride { get; }

    /// <summary>y = f(x·Wᵀ + b) for every row of the batch.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="x">Rows, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Numbers from one row of x to the next.</param>
    /// <param name="y">Receives the rows, <see cref="Stride"/> apart.</param>
    public abstract void Apply<TFinish>(Workspace workspace, float* x, int xStride, float* y)
        where TFinish : IFinish;

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>A linear layer that is the same for every response.</summary>
sealed unsafe class DenseProjection(PackedMatrix matrix) : Projection
{
    /// <inheritdoc/>
    public override int Stride => matrix.Stride;

    /// <inheritdoc/>
    public override void Apply<TFinish>(Workspace workspace, float* x, int xStride, float* y) =>
        MatrixProduct.Multiply<TFinish>(x, xStride, workspace.Batch.Rows, matrix, y, Stride);

    /// <inheritdoc/>
    public override void Dispose() => matrix.Dispose();
}

/// <summary>
/// A linear layer with the low-rank expert of each response's item: y = f(x·Wᵀ + (x·Aᵀ)·B + b). Rows of one expert lie together in the batch, so an expert costs
/// what its own rows ask for, not what all experts would.
/// </summary>
sealed unsafe class LowRankProjection : Projection
{
    readonly PackedMatrix shared;
    readonly ImmutableArray<(PackedMatrix Inner, PackedMatrix Outer)> experts;
    // The inner numbers that a panel of outputs reads.
    readonly ImmutableArray<Range> innerOf;

    /// <summary>Packs linear layers that read the same rows.</summary>
    /// <param name="layers">Each one's weight, bias, what both are multiplied by, and its experts; null for a layer without.</param>
    public LowRankProjection(ImmutableArray<(Tensor Weight, Tensor Bias, float Scale, ExpertFactors? Experts)> layers)
    {
        shared = new([.. layers.Select(layer => (layer.Weight, layer.Bias, layer.Scale))]);
        var count = layers.Max(layer => layer.Experts?.Count ?? 0);
        var rank = layers.Sum(layer => layer.Experts?.Rank ?? 0);
        experts = [.. Enumerable.Range(0, count).Select(expert => Pack(layers, expert, rank))];

        var ranges = new Range[shared.Panels];
        for (var panel = 0; panel < ranges.Length; panel++)
        {
            var (outputs, inner, first, end) = (0, 0, int.MaxValue, 0);
            foreach (var layer in layers)
            {
                var (from, to) = (outputs, outputs + layer.Bias.Length);
                var width = layer.Experts?.Rank ?? 0;
                if (width > 0 && from < (panel + 1) * PackedMatrix.Width && to > panel * PackedMatrix.Width)
                    (first, end) = (Math.Min(first, inner), inner + width);
                (outputs, inner) = (to, inner + width);
            }
            ranges[panel] = Math.Min(first, end)..end;
        }
        innerOf = [.. ranges];
    }

    /// <inheritdoc/>
    public override int Stride => shared.Stride;

    /// <inheritdoc/>
    public override void Apply<TFinish>(Workspace workspace, float* x, int xStride, float* y)
    {
        var tiles = workspace.Batch.TilesByExpert;
        var innerStride = experts[0].Inner.Stride;
        var inner = workspace.Take(Slot.Inner, (long)workspace.Batch.Rows * innerStride);
        foreach (var tile in tiles)
        {
            MatrixProduct.Multiply<Identity>(
                x + ((nint)tile.First * xStride), xStride, tile.Rows, experts[tile.Expert].Inner, inner + ((nint)tile.First * innerStride), innerStride);
        }
        for (var panel = 0; panel < shared.Panels; panel++)
        {
            var column = panel * PackedMatrix.Width;
            var (first, depth) = innerOf[panel].GetOffsetAndLength(innerStride);
            foreach (var tile in tiles)
            {
                var outer = experts[tile.Expert].Outer;
                var to = y + ((nint)tile.First * Stride) + column;
                MatrixProduct.Sum(
                    new(x + ((nint)tile.First * xStride), xStride, shared.Panel(panel), shared.Inputs),
                    new(inner + ((nint)tile.First * innerStride) + first, innerStride, outer.Panel(panel) + (first * PackedMatrix.Width), depth),
                    outer.Bias + column, tile.Rows, to, Stride);
                MatrixProduct.Finish<TFinish>(to, Stride, tile.Rows);
            }
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        shared.Dispose();
        foreach (var (inner, outer) in experts)
        {
            inner.Dispose();
            outer.Dispose();
        }
    }

    static (PackedMatrix Inner, PackedMatrix Outer) Pack(
        ImmutableArray<(Tensor Weight, Tensor Bias, float Scale, ExpertFactors? Experts)> layers, int expert, int rank)
    {
        var (inputs, outputs) = (layers[0].Weight.Shape[1], layers.Sum(layer => layer.Bias.Length));
        var inner = new Tensor([rank, inputs], new float[rank * inputs]);
        var outer = new Tensor([outputs, rank], new float[outputs * rank]);
        var bias = new Tensor([outputs], new float[outputs]);
        var (row, output) = (0, 0);
        foreach (var (_, plain, scale, factors) in layers)
        {
            for (var i = 0; i < plain.Length; i++)
                bias.Values[output + i] = scale * (plain.Values[i] + (factors?.Bias.Values[(expert * plain.Length) + i] ?? 0));
            if (factors is not null)
            {
                factors.Inner.Values.AsSpan(expert * factors.Rank * inputs, factors.Rank * inputs).CopyTo(inner.Values.AsSpan(row * inputs));
                for (var r = 0; r < factors.Rank; r++)
                {
                    for (var i = 0; i < plain.Length; i++)
                        outer.Values[((output + i) * rank) + row + r] = scale * factors.Outer.Values[(((expert * factors.Rank) + r) * plain.Length) + i];
                }
                row += factors.Rank;
            }
            output += plain.Length;
        }
        return (new((inner, new([rank], new float[rank]), 1f)), new((outer, bias, 1f)));
    }
}

/// <summary>The low-rank experts of a linear layer.</summary>
/// <param name="Count">Number of experts.</param>
/// <param name="Inner">A, <c>[experts*rank, in]</c>.</param>
/// <param name="Outer">B, <c>[experts*rank, out]</c>.</param>
/// <param name="Bias">What experts add to the bias, <c>[experts, out]</c>.</param>
sealed record ExpertFactors(int Count, Tensor Inner, Tensor Outer, Tensor Bias)
{
    /// <summary>Rank of an expert.</summary>
    public int Rank => Inner.Shape[0] / Count;
}
