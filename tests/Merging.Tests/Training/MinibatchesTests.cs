using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class MinibatchesTests
{
    [Fact]
    public void An_epoch_sees_every_response_once_in_full_batches_but_one()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (count, size) = (random.Next(1, 500), random.Next(1, 40));
            int[] lengths = [.. Enumerable.Range(0, count).Select(_ => random.Next(3, 128))];

            var batches = Minibatches.OfSimilarLength(lengths, size, random);

            Assert.True(batches.SelectMany(batch => batch).Order().SequenceEqual(Enumerable.Range(0, count)), $"seed {seed}");
            Assert.True(batches.Count(batch => batch.Length != size) <= 1, $"seed {seed}");
        }
    }

    [Fact]
    public void Batches_are_padded_less_than_in_random_order()
    {
        var random = new Random(1);
        int[] lengths = [.. Enumerable.Range(0, 800).Select(_ => random.Next(3, 128))];

        var similar = Padded(Minibatches.OfSimilarLength(lengths, 16, random));

        Assert.True(similar < .8 * Padded(Enumerable.Range(0, 800).Chunk(16)));

        int Padded(IEnumerable<int[]> batches) => batches.Sum(batch => batch.Length * batch.Max(i => lengths[i]));
    }
}
