using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Tests.Scoring;

public sealed class HeadBankTests
{
    [Fact]
    public void Every_item_gets_the_logits_of_its_own_head()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var hidden = random.Next(1, 70);
            var heads = Enumerable.Range(0, random.Next(1, 9))
                .Select(n => (Item: $"item-{n}", Head: RandomHead(random, random.Next(1, 6), hidden))).ToArray();
            var bank = new HeadBank(heads, hidden);
            var pooled = Values(random, hidden);

            for (var item = 0; item < heads.Length; item++)
            {
                var head = heads[item].Head;
                var logits = new float[head.Labels];
                bank.Logits(pooled, bank[item], logits);
                for (var label = 0; label < head.Labels; label++)
                {
                    var expected = head.Bias.Values[label] + Enumerable.Range(0, hidden).Sum(i => head.Weight.Values[label * hidden + i] * pooled[i]);
                    Assert.True(Math.Abs(expected - logits[label]) < 1e-4, $"seed {seed}, item {item}, label {label}");
                }
            }
        }
    }

    [Theory]
    [InlineData(float.NaN, 0)]
    [InlineData(0, float.PositiveInfinity)]
    public void A_head_that_is_not_finite_is_refused_by_name(float weight, float bias)
    {
        var head = new Head(new Tensor([1, 2], [1, weight]), new Tensor([1], [bias]));

        Assert.Contains("'SC_Puddle'", Assert.Throws<ArgumentException>(() => Bank(head, 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_of_another_width_is_refused_by_name()
    {
        var head = new Head(new Tensor([1, 2], [1, 2]), new Tensor([1], [0]));

        var refusal = Assert.Throws<ArgumentException>(() => Bank(head, 3));
        Assert.Contains("'SC_Puddle' reads 2 values; its encoder gives 3", refusal.Message, StringComparison.Ordinal);
    }

    static HeadBank Bank(Head head, int hidden) => new([("SC_Puddle", head)], hidden);

    static Head RandomHead(Random random, int labels, int hidden) =>
        new(new Tensor([labels, hidden], Values(random, labels * hidden)), new Tensor([labels], Values(random, labels)));

    static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - .5f)];
}
