namespace ScoringService.Inference.Tests.Batching;

public sealed class RandomSchedulesTests
{
    const int Schedules = 10_000;

    [Fact]
    public void Whatever_the_schedule_nothing_is_lost_answered_twice_or_miscounted()
    {
        var (answered, failed, cancelled, refused) = (0, 0, 0, 0);
        for (var seed = 0; seed < Schedules; seed++)
        {
            var service = new SimulatedService(seed);
            service.Run();
            (answered, failed, cancelled, refused) =
                (answered + service.Answered, failed + service.Failed, cancelled + service.Cancelled, refused + service.Refused);
        }

        // Each kind of end is met often enough to mean something.
        Assert.All([answered, failed, cancelled, refused], count => Assert.InRange(count, Schedules / 4, int.MaxValue));
    }
}
