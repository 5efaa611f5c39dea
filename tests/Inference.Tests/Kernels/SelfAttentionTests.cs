using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Tests.Kernels;

public sealed unsafe class SelfAttentionTests
{
    [Fact]
    public void It_is_the_softmax_of_the_scores_times_the_values_and_stays_within_its_memory()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var (tokens, heads, headSize) = (random.Next(1, 70), random.Next(1, 5), 16 * random.Next(1, 5));
            var (width, stride) = (heads * headSize, (3 * heads * headSize) + (16 * random.Next(3)));
            float[] projections = [.. Enumerable.Range(0, tokens * stride).Select(_ => (random.NextSingle() - .5f) * 2)];
            var (attended, scratch) = (new float[tokens * width], new float[SelfAttention.Scratch(tokens, headSize) + 1]);
            scratch[^1] = 42;

            fixed (float* from = projections, to = attended, memory = scratch)
                SelfAttention.Attend(from, stride, tokens, heads, headSize, to, width, memory);

            Assert.Equal(42, scratch[^1]);
            for (var head = 0; head < heads; head++)
            {
                for (var query = 0; query < tokens; query++)
                {
                    double[] powers = [.. Enumerable.Range(0, tokens).Select(key => Math.Exp(Enumerable.Range(0, headSize).Sum(i =>
                        (double)At(query, 0, head, i) * At(key, 1, head, i))))];
                    for (var i = 0; i < headSize; i++)
                    {
                        var expected = powers.Select((power, key) => power * At(key, 2, head, i)).Sum() / powers.Sum();
                        Assert.True(
                            Math.Abs(expected - attended[(query * width) + (head * headSize) + i]) < 2e-6, $"seed {seed}, head {head}, query {query}, {i}");
                    }
                }
            }

            float At(int token, int kind, int head, int i) => projections[(token * stride) + (kind * width) + (head * headSize) + i];
        }
    }
}
