using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class SplitScoresTests
{
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["a", "b"], Points = [1, 2] };

    [Fact]
    public void Test_is_read_with_the_thresholds_that_are_served()
    {
        var pooled = Pooled(seed: 3);
        var scores = SplitScores.Of(pooled, Identity(0), Identity(0));

        var served = scores.Calibration!.Served;
        Assert.NotEqual(.5f, served.Thresholds[0]);
        var scale = new ScoreScale(Rubric, served);
        var expected = pooled.Test.Values.Chunk(2).SelectMany(logits => scale.Score(logits).Labels.Select(label => label.Present == true)).ToArray();
        Assert.Equal(expected, scores.TestPredictions!.Predicted.SelectMany(labels => labels));
        Assert.Equal(scores.TestPredictions.Metrics(), scores.Test);
    }

    [Fact]
    public void The_head_that_has_not_seen_validation_is_calibrated_and_judged_there()
    {
        var pooled = Pooled(seed: 4);
        var (one, other) = (SplitScores.Of(pooled, Identity(0), Identity(0)), SplitScores.Of(pooled, Identity(0), Identity(5)));

        Assert.Equal(one.Validation, other.Validation);
        Assert.Equal(one.Calibration!.Served.Temperature, other.Calibration!.Served.Temperature);
        Assert.Equal(one.Calibration.Served.Thresholds.AsEnumerable(), other.Calibration.Served.Thresholds);
        Assert.NotEqual(one.Test, other.Test);
    }

    // Features are logits, and a label holds more often than they say: it shows below one half.
    static PooledItem Pooled(int seed)
    {
        var random = new Random(seed);
        var (validation, validationLogits) = Split(200);
        var (test, testLogits) = Split(100);
        return new(new(new(Rubric, [], validation, test), [], [], []), new([0, 2], []), validationLogits, testLogits);

        (ImmutableArray<LabelledResponse> Responses, Tensor Logits) Split(int count)
        {
            var logits = new Tensor([count, 2], [.. Enumerable.Range(0, 2 * count).Select(_ => (float)((6 * random.NextDouble()) - 4))]);
            return ([.. logits.Values.Chunk(2).Select((row, i) => new LabelledResponse($"{i}", "", [row[0] > -2, row[1] > 0]))], logits);
        }
    }

    static Head Identity(float bias) => new(new([2, 2], [1, 0, 0, 1]), new([2], [bias, bias]));
}
