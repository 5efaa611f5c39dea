using ScoringService.Inference.Bundles;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Tests.Scoring;

public sealed class ScoreScaleTests
{
    static readonly Item Scale = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 3] };
    static readonly Item Rubric = new()
    {
        Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["motive", "trait", "error"], Points = [2, 1, -1],
    };

    [Fact]
    public void A_score_scale_awards_the_points_of_the_most_probable_label()
    {
        var (score, labels, confidence) = Of(Scale).Score([MathF.Log(.04f), MathF.Log(.84f), MathF.Log(.12f)]);

        Assert.Equal((1, 0, 3), (score.Value, score.Minimum, score.Maximum));
        Assert.Equal(.84 + 3 * .12, score.Expected, 6);
        Assert.Equal(.84, confidence, 6);
        Assert.Equal(["0", "1", "2"], labels.Select(label => label.Name));
        Assert.Equal([.04, .84, .12], labels.Select(label => Math.Round(label.Probability, 6)));
        Assert.All(labels, label => Assert.Null(label.Present));
    }

    [Fact]
    public void A_rubric_adds_the_points_of_the_labels_that_are_present()
    {
        var (score, labels, confidence) = Of(Rubric).Score([Logit(.9), Logit(.2), Logit(.7)]);

        Assert.Equal((1, -1, 3), (score.Value, score.Minimum, score.Maximum));
        Assert.Equal(2 * .9 + .2 - .7, score.Expected, 6);
        Assert.Equal(.7, confidence, 6);
        Assert.Equal([true, false, true], labels.Select(label => label.Present));
    }

    [Fact]
    public void A_label_must_exceed_its_threshold()
    {
        var calibration = Calibration.None(Rubric) with { Thresholds = [.5f, .25f, .9f] };

        var (_, labels, _) = new ScoreScale(Rubric, calibration).Score([0, Logit(.3), Logit(.8)]);

        Assert.Equal([false, true, false], labels.Select(label => label.Present));
    }

    [Fact]
    public void A_temperature_divides_the_logits()
    {
        var (_, labels, _) = new ScoreScale(Scale, Calibration.None(Scale) with { Temperature = 2 }).Score([0, 2, 4]);
        var (_, expected, _) = Of(Scale).Score([0, 1, 2]);

        Assert.Equal(expected.Select(label => label.Probability), labels.Select(label => label.Probability));
    }

    [Theory]
    [InlineData(1e30f)]
    [InlineData(-1e30f)]
    public void Huge_logits_still_make_probabilities(float logit)
    {
        foreach (var item in new[] { Scale, Rubric })
        {
            var (score, labels, confidence) = Of(item).Score([logit, 0, 1]);

            Assert.All(labels, label => Assert.InRange(label.Probability, 0, 1));
            Assert.InRange(score.Expected, score.Minimum, score.Maximum);
            Assert.InRange(confidence, .5, 1);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_a_number_never_becomes_a_score(float logit)
    {
        foreach (var item in new[] { Scale, Rubric })
            Assert.Contains(item.Id, Assert.Throws<NotFiniteNumberException>(() => Of(item).Score([0, logit, 0])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_to_read_earns_the_lowest_class_or_no_label()
    {
        Assert.Equal(new Score(0, 0, 0, 3), Of(Scale).Empty());
        Assert.Equal(new Score(0, 0, -1, 3), Of(Rubric).Empty());
    }

    static ScoreScale Of(Item item) => new(item, Calibration.None(item));

    static float Logit(double p) => (float)Math.Log(p / (1 - p));
}
