using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Encoders;

public sealed class TaskVectorTests
{
    [Fact]
    public void What_is_kept_lies_where_it_lay_and_the_rest_is_zero()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var (values, keep) = Random(seed);

            var sparse = TaskVector.Sparse(values, keep);

            Assert.True(values.Zip(keep, (value, kept) => kept ? value : 0).SequenceEqual(Dense(sparse)), $"seed {seed}");
            Assert.True(keep.Count(kept => kept) == sparse.NonZeros && sparse.Length == values.Length
                && sparse.Mask!.Length == (values.Length + 7) / 8, $"seed {seed}");
        }
    }

    [Fact]
    public void What_is_stored_reads_back()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var (values, keep) = Random(seed);
            var sparse = TaskVector.Sparse(values, keep);

            var read = TaskVector.Stored(values.Length, sparse.Values, sparse.Mask!);

            Assert.True(Dense(sparse).SequenceEqual(Dense(read)), $"seed {seed}");
        }
    }

    [Fact]
    public void Zeros_that_are_kept_are_stored() => Assert.Equal(2, TaskVector.Sparse([0, 1, 2], [true, false, true]).NonZeros);

    [Fact]
    public void A_dense_one_keeps_everything()
    {
        var dense = TaskVector.Dense([1, 0, -2]);

        Assert.Null(dense.Mask);
        Assert.Equal([1, 0, -2], Dense(dense));
    }

    [Fact]
    public void Experts_are_stacked_a_row_each()
    {
        var stack = TaskVector.Stack([TaskVector.Dense([1, 2, 3]), TaskVector.Sparse([4, 5, 6], [false, true, false])]);

        Assert.Equal("[2,3]", stack.Describe());
        Assert.Equal([1, 2, 3, 0, 5, 0], stack.Values);
    }

    [Theory]
    [InlineData(9, 1, new byte[] { 1 })]
    [InlineData(8, 1, new byte[] { 1, 0 })]
    [InlineData(3, 2, new byte[] { 1 })]
    [InlineData(3, 1, new byte[] { 5 })]
    [InlineData(3, 1, new byte[] { 8 })]
    [InlineData(0, 1, new byte[] { 1 })]
    public void A_mask_that_does_not_fit_is_refused(int length, int values, byte[] mask) =>
        Assert.Contains("A mask of", Assert.Throws<ArgumentException>(() => TaskVector.Stored(length, new float[values], mask)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void A_place_of_another_length_is_refused(int length) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => TaskVector.Dense([1, 2, 3]).CopyTo(new float[length]));

    static (float[] Values, bool[] Keep) Random(int seed)
    {
        var random = new Random(seed);
        float[] values = [.. Enumerable.Range(0, random.Next(0, 70)).Select(_ => random.NextSingle() - .5f)];
        var share = random.NextDouble();
        return (values, [.. values.Select(_ => random.NextDouble() < share)]);
    }

    static float[] Dense(TaskVector taskVector)
    {
        // What lay there before must not shine through.
        var dense = Enumerable.Repeat(float.NaN, taskVector.Length).ToArray();
        taskVector.CopyTo(dense);
        return dense;
    }
}
