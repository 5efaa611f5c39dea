using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class PairedPermutationTests
{
    [Fact]
    public void A_method_does_not_differ_from_itself()
    {
        var (method, _) = Predictions.Pair(new Random(1), 50, .3, 0);
        Assert.Equal(new(1, 1, 1, 1, 1, 1), PairedPermutation.PValues([(method, method)], seed: 0));
    }

    /// <summary>
    /// A sign test worked by hand: the methods differ on five responses and the first is right on all of them. Of 2⁵ exchanges only none and all
    /// are as far from 0.
    /// </summary>
    [Fact]
    public void Five_of_five_have_the_p_value_of_the_sign_test()
    {
        int[] truth = [.. Enumerable.Range(0, 20).Select(i => i % 2)];
        var pair = (Predictions.Of(2, truth, truth), Predictions.Of(2, truth, truth.Select((right, i) => i < 5 ? 1 - right : right)));

        Assert.Equal(2.0 / 32, PairedPermutation.PValues([pair], seed: 0).Accuracy, 1e-12);
    }

    /// <summary>
    /// Over two items with three and two such responses of ten and twenty: means of differences, still only two exchanges as far from 0.
    /// </summary>
    [Fact]
    public void Items_are_exchanged_together()
    {
        int[] ten = [.. Enumerable.Range(0, 10).Select(i => i % 2)], twenty = [.. ten, .. ten];
        var pairs = new[] { (ten, 3), (twenty, 2) }.Select(item => (
            Predictions.Of(2, item.Item1, item.Item1),
            Predictions.Of(2, item.Item1, item.Item1.Select((right, i) => i < item.Item2 ? 1 - right : right))));

        Assert.Equal(2.0 / 32, PairedPermutation.PValues([.. pairs], seed: 0).Accuracy, 1e-12);
    }

    [Fact]
    public void Drawn_exchanges_come_near_all_of_them()
    {
        for (var seed = 0; seed < 4; seed++)
        {
            // The one errs on eight of 40 responses, the other on four more: 2¹² exchanges, and 200 draws of them with a deviation of at most .036.
            var random = new Random(seed);
            int[] truth = [.. Enumerable.Range(0, 40).Select(_ => random.Next(3))];
            var pair = (Wrong(0, 8), Wrong(8, 12));
            var all = PairedPermutation.PValues([pair], seed, permutations: 1 << 16);
            var drawn = PairedPermutation.PValues([pair], seed, permutations: 200);

            Assert.True(Math.Abs(all.Accuracy - drawn.Accuracy) < .11, $"seed {seed}: {all.Accuracy} {drawn.Accuracy}");
            Assert.True(Math.Abs(all.Qwk - drawn.Qwk) < .11, $"seed {seed}: {all.Qwk} {drawn.Qwk}");

            ItemPredictions Wrong(int from, int to) =>
                Predictions.Of(3, truth, truth.Select((right, i) => i >= from && i < to ? (right + 1 + random.Next(2)) % 3 : right));
        }
    }

    [Fact]
    public void Exchanging_the_methods_changes_nothing()
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var (method, other) = Predictions.Pair(new Random(seed), 30, .2, .1);
            var (there, back) = (PairedPermutation.PValues([(method, other)], 0), PairedPermutation.PValues([(other, method)], 0));
            Assert.True(Math.Abs(there.Qwk - back.Qwk) < .02 && Math.Abs(there.Accuracy - back.Accuracy) < .02, $"seed {seed}: {there} {back}");
        }
    }

    [Fact]
    public void A_large_difference_is_found_and_none_is_not()
    {
        var better = PairedPermutation.PValues([Predictions.Pair(new Random(3), 300, .05, .4)], seed: 0);
        Assert.True(better.Qwk < .001 && better.Accuracy < .001, $"{better}");

        // Under the null hypothesis p-values spread evenly: about half of 40 lie below one half.
        var below = Enumerable.Range(0, 40).Count(seed =>
            PairedPermutation.PValues([Predictions.Pair(new Random(100 + seed), 120, .3, .3)], seed, permutations: 400).Qwk < .5);
        Assert.InRange(below, 10, 30);
    }

    [Fact]
    public void The_same_seed_gives_the_same_p_value()
    {
        var pair = Predictions.Pair(new Random(8), 200, .3, .2);
        Assert.Equal(PairedPermutation.PValues([pair], seed: 6), PairedPermutation.PValues([pair], seed: 6));
    }
}
