using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class MetricSetTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["a", "b", "c"], Points = [1, 1, 2] };

    /// <summary>The worked numbers of GW-SMM's metrics.</summary>
    [Fact]
    public void A_rubric_has_the_worked_numbers()
    {
        var metrics = MetricSet.Of(
            Rubric,
            [[true, false, true], [false, true, false], [true, true, false], [false, false, false]],
            [[true, false, false], [false, true, false], [true, false, false], [false, false, false]]);

        Assert.Equal(.75, metrics.MicroF1, 1e-12);
        Assert.Equal(5.0 / 9, metrics.MacroF1, 1e-12);
        Assert.Equal(.5, metrics.ExactMatch);
        Assert.Equal(.5, metrics.Accuracy);
        Assert.Equal(10.0 / 12, metrics.PerLabelAccuracy, 1e-12);
        Assert.Equal(4, metrics.N);

        // Scores 3, 1, 2, 0 against 1, 1, 1, 0: squared differences 4, 0, 1, 0; variances 1.25 and 0.1875, means 1.5 and 0.75.
        Assert.Equal(1 - (1.25 / (1.25 + .1875 + .5625)), metrics.Qwk, 1e-12);
        Assert.Equal(-.75 / Math.Sqrt(1.25), metrics.Smd!.Value, 1e-12);
    }

    /// <summary>By hand: classes 0 0 1 1 2 2 against 0 1 1 1 2 0.</summary>
    [Fact]
    public void A_score_scale_has_the_numbers_worked_by_hand()
    {
        var metrics = MetricSet.Of(Scale, Classes(0, 0, 1, 1, 2, 2), Classes(0, 1, 1, 1, 2, 0));

        Assert.Equal(4.0 / 6, metrics.Accuracy, 1e-12);
        Assert.Equal(4.0 / 6, metrics.MicroF1, 1e-12);
        Assert.Equal(((1.0 / 2) + (4.0 / 5) + (2.0 / 3)) / 3, metrics.MacroF1, 1e-12);
        Assert.Equal(14.0 / 18, metrics.PerLabelAccuracy, 1e-12);

        // Confusion matrix weights: observed (1 + 4) / 6; by chance, margins (2,2,2) and (2,3,1): Σ w / 36 = 42 / 36.
        Assert.Equal(1 - ((5.0 / 6) / (42.0 / 36)), metrics.Qwk, 1e-12);
    }

    [Fact]
    public void Agreement_is_one_and_unbiased()
    {
        var metrics = MetricSet.Of(Scale, Classes(0, 1, 2, 2), Classes(0, 1, 2, 2));
        Assert.Equal((1.0, 1.0, 1.0, 0.0), (metrics.Accuracy, metrics.MacroF1, metrics.Qwk, metrics.Smd));
    }

    [Fact]
    public void What_is_undefined_has_its_documented_value()
    {
        var constant = MetricSet.Of(Scale, Classes(1, 1), Classes(1, 1));
        var apart = MetricSet.Of(Scale, Classes(1, 1), Classes(2, 2));

        Assert.Equal((1.0, 1.0 / 3, 0.0), (constant.Qwk, constant.MacroF1, constant.Smd));
        Assert.Equal((0.0, 0.0), (apart.Qwk, apart.MacroF1));
        Assert.Null(apart.Smd);
    }

    [Fact]
    public void Kappa_is_the_one_of_the_confusion_matrix()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var random = new Random(seed);
            int[] truth = [.. Enumerable.Range(0, random.Next(10, 60)).Select(_ => random.Next(4))];
            int[] predicted = [.. truth.Select(_ => random.Next(4))];
            double observed = 0, chance = 0;
            for (var i = 0; i < 4; i++)
            {
                for (var j = 0; j < 4; j++)
                {
                    var weight = (i - j) * (i - j) / 9.0;
                    observed += weight * truth.Zip(predicted).Count(pair => pair == (i, j));
                    chance += weight * truth.Count(t => t == i) * predicted.Count(p => p == j) / truth.Length;
                }
            }
            var item = Scale with { Labels = ["0", "1", "2", "3"], Points = [0, 1, 2, 3] };
            var kappa = MetricSet.Of(item, Predictions.Classes(4, truth), Predictions.Classes(4, predicted)).Qwk;
            Assert.True(Math.Abs(kappa - (1 - (observed / chance))) < 1e-12, $"seed {seed}: {kappa}");
        }
    }

    [Fact]
    public void The_mean_over_items_weighs_them_equally()
    {
        var right = MetricSet.Of(Scale, Classes(0, 1, 2), Classes(0, 1, 2));
        var wrong = MetricSet.Of(Scale, Classes(1), Classes(2));

        var mean = MetricSet.Mean([right, wrong]);

        Assert.Equal((.5, .5, 0.0, 4), (mean.Accuracy, mean.Qwk, mean.Smd, mean.N));
    }

    [Fact]
    public void The_weighted_mean_weighs_items_by_their_responses()
    {
        var right = MetricSet.Of(Scale, Classes(0, 1, 2), Classes(0, 1, 2));
        var wrong = MetricSet.Of(Scale, Classes(1), Classes(2));

        var mean = MetricSet.WeightedMean([right, wrong]);

        // Three responses at 1 and one at 0. The wrong item's SMD is undefined, the right one's is 0.
        Assert.Equal((.75, .75, 0.0, 4), (mean.Accuracy, mean.Qwk, mean.Smd, mean.N));
    }

    [Fact]
    public void Scores_off_zero_and_between_integers_lose_nothing_to_rounding()
    {
        var item = Scale with { Points = [1000.1, 1000.2, 1000.3] };
        var constant = MetricSet.Of(item, Classes(1, 1, 1), Classes(1, 1, 1));
        var shifted = MetricSet.Of(Scale, Classes(0, 1, 2, 2), Classes(0, 1, 1, 2));

        Assert.Equal((1.0, 0.0), (constant.Qwk, constant.Smd));
        Assert.Equal(shifted.Qwk, MetricSet.Of(item, Classes(0, 1, 2, 2), Classes(0, 1, 1, 2)).Qwk, 1e-6);
    }

    /// <summary>By hand, the worked rubric: label a is right throughout; b is missed once in two; c is missed in its one response.</summary>
    [Fact]
    public void Each_label_has_the_numbers_worked_by_hand()
    {
        var labels = new ItemPredictions(
            Rubric,
            [[true, false, true], [false, true, false], [true, true, false], [false, false, false]],
            [[true, false, false], [false, true, false], [true, false, false], [false, false, false]]).ByLabel();

        Assert.Equal(
            [new LabelAgreement("a", 2, 2, 1, 1), new LabelAgreement("b", 2, 1, 2.0 / 3, .75), new LabelAgreement("c", 1, 0, 0, .75)],
            labels.AsEnumerable());
    }

    [Fact]
    public void Names_in_json_are_those_of_the_contract()
    {
        var json = JsonSerializer.SerializeToElement(MetricSet.Of(Scale, Classes(0), Classes(0)), JsonSerializerOptions.Web);
        Assert.Equal(
            ["accuracy", "macroF1", "microF1", "exactMatch", "perLabelAccuracy", "qwk", "smd", "n"],
            json.EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public void Predictions_that_do_not_match_the_responses_are_refused()
    {
        Assert.Throws<ArgumentException>(() => MetricSet.Of(Scale, Classes(0, 1), Classes(0)));
        Assert.Throws<ArgumentException>(() => MetricSet.Of(Scale, [], []));
    }

    static ImmutableArray<ImmutableArray<bool>> Classes(params int[] classes) => Predictions.Classes(3, classes);
}
