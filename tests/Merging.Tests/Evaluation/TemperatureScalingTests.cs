using ScoringService.Inference.Scoring;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Evaluation;

public sealed class TemperatureScalingTests
{
    [Fact]
    public void Two_classes_have_the_temperature_worked_by_hand()
    {
        // Three of four are right at a margin of 2: p = 3/4 needs a margin of ln 3, so T = 2 / ln 3; the loss is the entropy of 3/4.
        var fit = TemperatureScaling.Fit(ScoringKind.MultiClass, [2, 0, 2, 0, 2, 0, 2, 0], [1, 0, 1, 0, 1, 0, 0, 1], 2);

        Assert.Equal(2 / Math.Log(3), fit.Temperature, 1e-3);
        Assert.Equal(-(.75 * Math.Log(.75)) - (.25 * Math.Log(.25)), fit.Loss, 1e-6);
    }

    [Theory]
    [InlineData(ScoringKind.MultiClass)]
    [InlineData(ScoringKind.MultiLabel)]
    public void Scaling_all_logits_scales_the_temperature_and_leaves_the_loss(ScoringKind scoring)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            float[] targets = [.. Enumerable.Range(0, 60).SelectMany(_ => random.Next(3) is var label ? new[] { 0, 1, 2 }.Select(l => l == label ? 1f : 0f) : [])];
            float[] logits = [.. targets.Select(target => (float)(target + (2 * (random.NextDouble() - random.NextDouble()))))];
            var fit = TemperatureScaling.Fit(scoring, logits, targets, 3);
            var doubled = TemperatureScaling.Fit(scoring, [.. logits.Select(logit => 2 * logit)], targets, 3);

            Assert.True(Math.Abs((doubled.Temperature / fit.Temperature) - 2) < .02, $"seed {seed}: {fit} {doubled}");
            Assert.True(Math.Abs(doubled.Loss - fit.Loss) < 1e-5, $"seed {seed}: {fit} {doubled}");
            Assert.True(fit.Loss <= Enumerable.Range(0, 60).Average(i => Losses.Of(scoring, logits.AsSpan(i * 3, 3), targets.AsSpan(i * 3, 3))) + 1e-6, $"seed {seed}");
        }
    }
}
