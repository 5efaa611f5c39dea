using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Tests.Forward;

/// <summary>Sixteen responses side by side against one after the other.</summary>
public sealed unsafe class LaneMlpTests
{
    [Fact]
    public void Side_by_side_gives_the_bits_of_row_by_row_for_any_widths_lengths_and_shares_kept()
    {
        for (var seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            var (width, inner, experts) = (16 * random.Next(1, 6), 16 * random.Next(1, 9), random.Next(1, 24));
            var keep = random.NextDouble() / 2;
            var up = Linear(random, inner, width, experts, keep);
            var down = Linear(random, width, inner, experts, keep);
            using var workspace = new Workspace();
            EncoderInput[] responses = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => new EncoderInput(new int[random.Next(1, 23)], 0))];
            workspace.Batch.LayOut(responses, RowOrder.Length);
            var stride = PackedMatrix.StrideOf(width);
            var x = Rows(random, workspace.Batch.Rows, width, stride);
            var routing = Numbers(random, responses.Length * (experts + 1), 1);
            var (byRows, byLanes) = (new float[x.Length], new float[x.Length]);

            using (var upRows = new BlendedMatrix(up.Weight, up.Bias, up.Weights, up.Biases))
            using (var downRows = new BlendedMatrix(down.Weight, down.Bias, down.Weights, down.Biases))
            fixed (float* from = x, to = byRows, shares = routing)
            {
                var middle = workspace.Take(Slot.Middle, (long)workspace.Batch.Rows * upRows.Stride);
                upRows.Apply<Gelu>(workspace, 0, responses.Length, shares, from, stride, middle);
                downRows.Apply<Identity>(workspace, 0, responses.Length, shares, middle, upRows.Stride, to);
            }
            using (var lanes = new LaneMlp(Lanes(up), Lanes(down)))
            fixed (float* from = x, to = byLanes, shares = routing)
            {
                for (var place = 0; place < responses.Length; place += SparseBlend.Lanes)
                    lanes.Apply(workspace, LaneGroup.At(workspace.Batch, place), shares, experts + 1, from, to, stride);
            }

            for (var row = 0; row < workspace.Batch.Rows; row++)
            {
                Assert.True(
                    byRows.AsSpan(row * stride, width).SequenceEqual(byLanes.AsSpan(row * stride, width)), $"seed {seed}, row {row} of {workspace.Batch.Rows}");
            }
        }
    }

    [Theory]
    [InlineData(16, 16, true)]
    [InlineData(1, 16, false)]
    [InlineData(16, 3, true)]
    [InlineData(6, 20, false)]
    public void Few_responses_go_row_by_row(int responses, int tokens, bool sideBySide)
    {
        var batch = new RaggedBatch();
        batch.LayOut([.. Enumerable.Repeat(new EncoderInput(new int[tokens], 0), responses)], RowOrder.Length);

        Assert.Equal(sideBySide, LaneGroup.At(batch, 0).IsWorthIt);
    }

    [Fact]
    public void One_long_response_does_not_fill_up_fifteen_short_ones()
    {
        var batch = new RaggedBatch();
        batch.LayOut([.. Enumerable.Repeat(new EncoderInput(new int[4], 0), 15), new EncoderInput(new int[100], 0)], RowOrder.Length);

        Assert.False(LaneGroup.At(batch, 0).IsWorthIt);
    }

    static SparseBlend Lanes((Tensor Weight, Tensor Bias, ImmutableArray<TaskVector> Weights, ImmutableArray<TaskVector> Biases) linear)
    {
        return new(linear.Weight, linear.Bias, [.. linear.Weights.Select(Values)], [.. linear.Biases.Select(Values)]);

        static float[] Values(TaskVector vector)
        {
            var values = new float[vector.Length];
            vector.CopyTo(values);
            return values;
        }
    }

    static (Tensor Weight, Tensor Bias, ImmutableArray<TaskVector> Weights, ImmutableArray<TaskVector> Biases) Linear(
        Random random, int outputs, int inputs, int experts, double keep)
    {
        return (
            new([outputs, inputs], Numbers(random, outputs * inputs, .3f)), new([outputs], Numbers(random, outputs, .3f)),
            [.. Enumerable.Range(0, experts).Select(_ => Pruned(outputs * inputs))], [.. Enumerable.Range(0, experts).Select(_ => Pruned(outputs))]);

        TaskVector Pruned(int length) =>
            TaskVector.Sparse(Numbers(random, length, .1f), [.. Enumerable.Range(0, length).Select(_ => random.NextDouble() < keep)]);
    }

    static float[] Rows(Random random, int rows, int width, int stride)
    {
        var x = new float[rows * stride];
        for (var row = 0; row < rows; row++)
            Numbers(random, width, 1).CopyTo(x, row * stride);
        return x;
    }

    static float[] Numbers(Random random, int count, float scale) =>
        [.. Enumerable.Range(0, count).Select(_ => ((2 * random.NextSingle()) - 1) * scale)];
}
