using System.Collections.Immutable;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class ItemCalibrationTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1"], Points = [0, 1] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["a", "b"], Points = [1, 1] };

    [Fact]
    public void Too_few_validation_responses_calibrate_nothing()
    {
        foreach (var item in new[] { Scale, Rubric })
        {
            foreach (var count in new[] { 0, ItemCalibration.LeastResponses - 1 })
            {
                var calibration = ItemCalibration.Fit(item, new([count, 2], new float[count * 2]), [.. Responses(count, _ => true)]);
                Assert.Equal(1, calibration.Served.Temperature);
                Assert.Equal(Calibration.None(item).Thresholds.AsEnumerable(), calibration.Served.Thresholds);
                Assert.Equal(count, calibration.ValidationResponses);
            }
        }
    }

    [Fact]
    public void A_model_too_sure_of_itself_is_cooled_and_decides_as_before()
    {
        // Right on three of four at a margin of 4. Smoothed by one response of each kind: 3/4 · 401/402 + 1/4 · 1/402, so T = 4 / logit of that.
        var (logits, responses) = Sure(400);
        var right = ((.75 * 401) + (.25 * 1)) / 402;
        var calibration = ItemCalibration.Fit(Scale, logits, responses).JudgedOn(Scale, logits, responses);

        Assert.Equal(4 / Math.Log(right / (1 - right)), calibration.Served.Temperature, 1e-2);
        var before = ItemCalibration.Decide(Scale, Calibration.None(Scale), logits);
        Assert.Equal(before.SelectMany(row => row), calibration.ValidationDecisions.SelectMany(row => row));

        // Before: every response says σ(4) = .982 and .75 are right. After: .75 say .75, but for the smoothing.
        Assert.Equal((1 / (1 + Math.Exp(-4))) - .75, calibration.Before!.ExpectedError, 1e-6);
        Assert.Equal(.75 - right, calibration.After!.ExpectedError, 1e-3);
        Assert.True(calibration.After.MeanLoss < calibration.Before.MeanLoss);
    }

    [Fact]
    public void Twenty_responses_that_are_all_right_do_not_ask_for_boundless_confidence()
    {
        // Margin 4, targets 21/22: the temperature is 4 / ln 21.
        var logits = new Tensor([20, 2], [.. Enumerable.Range(0, 20).SelectMany(i => i % 2 == 0 ? new float[] { 4, 0 } : [0, 4])]);
        var calibration = ItemCalibration.Fit(Scale, logits, Responses(20, i => i % 2 == 0));

        Assert.Equal(4 / Math.Log(21), calibration.Served.Temperature, 1e-2);
    }

    [Fact]
    public void What_is_decided_is_what_the_score_scale_serves()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var logits = new Tensor([200, 2], [.. Enumerable.Range(0, 400).Select(_ => (float)((6 * random.NextDouble()) - 3.5))]);
            ImmutableArray<LabelledResponse> responses = [.. Enumerable.Range(0, 200).Select(row =>
                new LabelledResponse($"{row}", "", [random.NextDouble() < Sigmoid(logits.Values[2 * row] + 1), random.NextDouble() < .5]))];

            var served = ItemCalibration.Fit(Rubric, logits, responses).Served;
            var decided = ItemCalibration.Decide(Rubric, served, logits);
            var scale = new ScoreScale(Rubric, served);

            for (var row = 0; row < 200; row++)
            {
                var labels = scale.Score(logits.Values.AsSpan(2 * row, 2)).Labels;
                var present = labels.Select((label, i) => label.Probability > served.Thresholds[i]);
                Assert.True(present.SequenceEqual(decided[row]), $"seed {seed}, row {row}");
            }
        }
    }

    /// <summary>
    /// By hand: label probabilities .8, .8, .8 of which two hold, and .2, .2, .2 of which none does: 6 cells, |2.4 − 2| and |.6 − 0|.
    /// </summary>
    [Fact]
    public void Expected_calibration_error_has_the_number_worked_by_hand()
    {
        var logit = (float)Math.Log(4);
        var quality = CalibrationQuality.Of(
            Rubric, Calibration.None(Rubric), new([3, 2], [logit, -logit, logit, -logit, logit, -logit]),
            [new("1", "", [true, false]), new("2", "", [true, false]), new("3", "", [false, false])]);

        Assert.Equal((.4 + .6) / 6, quality.ExpectedError, 1e-6);
        Assert.Equal(((-5 * Math.Log(.8)) - Math.Log(.2)) / 6, quality.MeanLoss, 1e-6);
    }

    [Fact]
    public void A_certain_prediction_falls_into_the_last_bin()
    {
        var quality = CalibrationQuality.Of(Scale, Calibration.None(Scale), new([1, 2], [100, 0]), [new("1", "", [true, false])]);
        Assert.Equal(0, quality.ExpectedError, 1e-12);
    }

    static (Tensor Logits, ImmutableArray<LabelledResponse> Responses) Sure(int count) =>
        (new([count, 2], [.. Enumerable.Range(0, count).SelectMany(_ => new float[] { 4, 0 })]), Responses(count, i => i % 4 != 0));

    static ImmutableArray<LabelledResponse> Responses(int count, Func<int, bool> first) =>
        [.. Enumerable.Range(0, count).Select(i => new LabelledResponse($"{i}", "", [first(i), !first(i)]))];

    static double Sigmoid(double logit) => 1 / (1 + Math.Exp(-logit));
}
