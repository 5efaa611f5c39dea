using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class LearningRateScheduleTests
{
    [Theory]
    [InlineData(0, 1.0 / 20 * 1)]
    [InlineData(9, 10.0 / 20 * 191 / 200)]
    [InlineData(19, 1 * 181.0 / 200)]
    [InlineData(100, .5)]
    [InlineData(199, 1.0 / 200)]
    public void The_rate_warms_up_then_falls_to_nothing(int step, double expected) =>
        Assert.Equal(expected, new LearningRateSchedule(200, .1).Factor(step), 1e-6);

    [Fact]
    public void Without_warm_up_the_first_step_is_the_largest() => Assert.Equal(1, new LearningRateSchedule(200, 0).Factor(0));
}
