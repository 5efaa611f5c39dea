using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class DecisionThresholdTests
{
    /// <summary>
    /// By hand: F1 with the first k present is 2/4, 2/5, 4/6, 6/7, 6/8. Four present are best, anywhere from .2 up to .3: the middle is taken.
    /// </summary>
    [Fact]
    public void The_threshold_has_the_best_f1()
    {
        var threshold = DecisionThreshold.Best([(.9, true), (.6, false), (.4, true), (.3, true), (.2, false)]);
        Assert.Equal(.25f, threshold);
    }

    [Fact]
    public void Of_equals_the_nearest_to_one_half_is_taken()
    {
        // Right on both sides of every threshold from .3 up to .8.
        Assert.Equal(.5f, DecisionThreshold.Best([(.9, true), (.8, true), (.3, false), (.1, false)]));

        // One present: F1 2/3. Two: 2/4. Three, where two hold: 4/5. All four: 4/6.
        Assert.Equal(.35f, DecisionThreshold.Best([(.9, true), (.45, false), (.4, true), (.3, false)]), 1e-6f);
    }

    [Fact]
    public void A_label_that_never_holds_keeps_one_half() => Assert.Equal(.5f, DecisionThreshold.Best([(.9, false), (.2, false)]));

    [Fact]
    public void A_rare_label_keeps_one_half()
    {
        // Nine responses have it, all at .3; nothing else exceeds .1. A threshold of .2 would be right throughout, on too little.
        var (threshold, decisions) = DecisionThreshold.Fit(
            [.. Enumerable.Range(0, 100).Select(i => i < 9 ? .3 : .1)], [.. Enumerable.Range(0, 100).Select(i => i < 9)]);

        Assert.Equal(.5f, threshold);
        Assert.DoesNotContain(true, decisions);
    }

    [Fact]
    public void A_label_that_shows_below_one_half_is_found()
    {
        var (threshold, decisions) = DecisionThreshold.Fit(
            [.. Enumerable.Range(0, 100).Select(i => i % 5 == 0 ? .3 : .1)], [.. Enumerable.Range(0, 100).Select(i => i % 5 == 0)]);

        // However the responses are ordered: here every fifth one has the label.
        Assert.Equal(.2f, threshold, 1e-6f);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => i % 5 == 0), decisions);
    }

    [Fact]
    public void A_threshold_that_was_only_chance_on_other_responses_stays_at_one_half()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            double[] probabilities = [.. Enumerable.Range(0, 80).Select(_ => random.NextDouble())];
            bool[] holds = [.. probabilities.Select(p => random.NextDouble() < p)];

            var (threshold, decisions) = DecisionThreshold.Fit(probabilities, holds);

            bool[] byHalf = [.. probabilities.Select(p => p > .5)];
            Assert.True(threshold == .5f ? decisions.SequenceEqual(byHalf) : F1(decisions, holds) > F1(byHalf, holds), $"seed {seed}: {threshold}");
        }
    }

    static double F1(IEnumerable<bool> decisions, bool[] holds)
    {
        var pairs = decisions.Zip(holds).ToArray();
        return 2.0 * pairs.Count(pair => pair is (true, true)) / (pairs.Count(pair => pair.First) + pairs.Count(pair => pair.Second));
    }
}
