using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class PairedBootstrapTests
{
    [Fact]
    public void Quantiles_are_interpolated()
    {
        // 0 .. 40: the 2.5 % quantile lies at position 1, the 97.5 % quantile at 39. With 0 .. 10, at 0.25 and 9.75.
        Assert.Equal(new(1, 39), Interval.Of(Enumerable.Range(0, 41).Select(value => (double)value)));
        Assert.Equal(new(.25, 9.75), Interval.Of(Enumerable.Range(0, 11).Reverse().Select(value => (double)value)));
    }

    /// <summary>Of all 4⁴ draws of four responses, three right, the accuracy is binomial; its quantiles are those of B(4, 3/4).</summary>
    [Fact]
    public void Four_responses_have_the_interval_of_every_draw_enumerated()
    {
        var predictions = Predictions.Of(2, [0, 1, 0, 1], [0, 1, 0, 0]);
        var accuracy = from a in Right from b in Right from c in Right from d in Right select (a + b + c + d) / 4.0;

        Assert.Equal(Interval.Of(accuracy), PairedBootstrap.Of([predictions], seed: 3, resamples: 4000).Of(0).Accuracy);
    }

    [Fact]
    public void The_interval_of_a_large_sample_is_the_one_of_the_binomial()
    {
        // 80 % of 1,000: 1.96 √(.8 · .2 / 1000) = .0248 to either side.
        int[] truth = [.. Enumerable.Range(0, 1000).Select(i => i % 2)];
        var predictions = Predictions.Of(2, truth, truth.Select((right, i) => i % 5 == 0 ? 1 - right : right));

        var interval = PairedBootstrap.Of([predictions], seed: 1, resamples: 4000).Of(0).Accuracy;

        Assert.Equal(.8 - .0248, interval.Low, .004);
        Assert.Equal(.8 + .0248, interval.High, .004);
    }

    [Fact]
    public void A_method_does_not_differ_from_itself()
    {
        var (method, _) = Predictions.Pair(new Random(5), 60, .3, 0);
        var difference = PairedBootstrap.Of([method, method], seed: 0).Difference(0, 1);

        Assert.Equal(new(0, 0), difference.Qwk);
        Assert.Equal(new(0, 0), difference.MacroF1);
    }

    [Fact]
    public void Drawing_the_same_responses_makes_a_difference_surer_than_its_parts()
    {
        // The two methods err on the same responses but for one.
        int[] truth = [.. Enumerable.Range(0, 100).Select(i => i % 2)];
        var method = Predictions.Of(2, truth, truth.Select((right, i) => i < 20 ? 1 - right : right));
        var other = Predictions.Of(2, truth, truth.Select((right, i) => i < 21 ? 1 - right : right));
        var bootstrap = PairedBootstrap.Of([method, other], seed: 0);

        var (alone, paired) = (bootstrap.Of(0).Accuracy, bootstrap.Difference(0, 1).Accuracy);
        Assert.True(paired.High - paired.Low < (alone.High - alone.Low) / 3, $"{paired} {alone}");
        Assert.Equal(0, paired.Low);
    }

    [Fact]
    public void The_same_seed_draws_the_same_responses()
    {
        var (method, other) = Predictions.Pair(new Random(9), 80, .3, .2);

        var (one, same, different) = (Of(4), Of(4), Of(5));

        Assert.Equal(one.Difference(0, 1), same.Difference(0, 1));
        Assert.NotEqual(one.Difference(0, 1), different.Difference(0, 1));
        PairedBootstrap Of(int seed) => PairedBootstrap.Of([method, other], seed);
    }

    [Fact]
    public void Exchanging_the_methods_turns_the_interval_round()
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var (method, other) = Predictions.Pair(new Random(seed), 80, .4, .1);
            var bootstrap = PairedBootstrap.Of([method, other], seed);
            var (there, back) = (bootstrap.Difference(0, 1).Qwk, bootstrap.Difference(1, 0).Qwk);

            Assert.True(Math.Abs(there.Low + back.High) + Math.Abs(there.High + back.Low) < 1e-12, $"seed {seed}: {there} {back}");
        }
    }

    [Fact]
    public void The_mean_over_items_is_surer_than_an_item()
    {
        PairedBootstrap[] items =
            [.. Enumerable.Range(0, 16).Select(seed => PairedBootstrap.Of([Predictions.Pair(new Random(seed), 100, .3, .3).Method], seed))];
        var widths = items.Select(item => Width(item.Of(0).Qwk)).Average();

        // Sixteen independent items: a quarter of the deviation.
        Assert.Equal(widths / 4, Width(PairedBootstrap.Mean(items).Of(0).Qwk), widths / 20);
        static double Width(Interval interval) => interval.High - interval.Low;
    }

    [Fact]
    public void A_gain_that_is_not_there_has_no_recovered_share()
    {
        var random = new Random(2);
        int[] truth = [.. Enumerable.Range(0, 200).Select(_ => random.Next(3))];
        var (good, fair, poor) = (Noisy(.05), Noisy(.25), Noisy(.5));
        var bootstrap = PairedBootstrap.Of([fair, poor, good], seed: 0);

        var gain = bootstrap.RecoveredGain(served: 0, frozenBase: 1, own: 2, PerMetric.Qwk)!;
        Assert.InRange(Gain(good, poor, fair), gain.Low, gain.High);
        Assert.Null(bootstrap.RecoveredGain(served: 0, frozenBase: 2, own: 1, PerMetric.Qwk));

        ItemPredictions Noisy(double share) => Predictions.Of(3, truth, truth.Select(right => random.NextDouble() < share ? random.Next(3) : right));
        static double Gain(ItemPredictions own, ItemPredictions frozen, ItemPredictions served) =>
            RecoveredGain.Of(own.Metrics(), frozen.Metrics(), served.Metrics(), metrics => metrics.Qwk)!.Value;
    }

    static readonly int[] Right = [1, 1, 1, 0];
}
