using ScoringService.Inference.Batching;

namespace ScoringService.Inference.Tests.Batching;

public sealed class AdmissionTests
{
    readonly ManualClock clock = new();

    [Fact]
    public void A_request_that_does_not_fit_leaves_no_trace()
    {
        var admission = new Admission(100, clock);
        admission.Enter(60);

        Assert.Throws<QueueFullException>(() => admission.Enter(41));
        Assert.Equal(60, admission.Tokens);

        admission.Enter(40);
        Assert.Equal(100, admission.Tokens);
    }

    [Fact]
    public void A_request_larger_than_the_whole_queue_enters_when_it_is_empty()
    {
        var admission = new Admission(100, clock);

        admission.Enter(1_000);

        Assert.Throws<QueueFullException>(() => admission.Enter(1));
        admission.Enter(0);
        Assert.Equal(1_000, admission.Tokens);
    }

    [Fact]
    public void The_time_to_retry_is_what_waits_over_the_measured_rate()
    {
        var admission = new Admission(100, clock);
        Work(admission, tokens: 100, TimeSpan.FromSeconds(2));
        admission.Enter(80);

        var full = Assert.Throws<QueueFullException>(() => admission.Enter(21));

        Assert.Equal(1.6, full.RetryAfter!.Value.TotalSeconds, 6);
    }

    [Fact]
    public void Idle_time_is_not_part_of_the_rate()
    {
        var admission = new Admission(100, clock);
        Work(admission, tokens: 50, TimeSpan.FromSeconds(1));
        clock.Advance(TimeSpan.FromHours(1));
        Work(admission, tokens: 50, TimeSpan.FromSeconds(1));
        admission.Enter(100);

        Assert.Equal(2, Assert.Throws<QueueFullException>(() => admission.Enter(1)).RetryAfter!.Value.TotalSeconds, 6);
    }

    [Fact]
    public void The_rate_follows_a_machine_that_slows_down()
    {
        var admission = new Admission(100, clock);
        for (var batch = 0; batch < 50; batch++)
            Work(admission, tokens: 100, TimeSpan.FromSeconds(1));
        for (var batch = 0; batch < 50; batch++)
            Work(admission, tokens: 100, TimeSpan.FromSeconds(4));
        admission.Enter(100);

        Assert.InRange(Assert.Throws<QueueFullException>(() => admission.Enter(1)).RetryAfter!.Value.TotalSeconds, 3.9, 4);
    }

    [Fact]
    public void Before_anything_was_measured_no_time_is_made_up()
    {
        var admission = new Admission(100, clock);
        admission.Enter(100);

        Assert.Null(Assert.Throws<QueueFullException>(() => admission.Enter(1)).RetryAfter);
    }

    [Fact]
    public void Many_at_once_never_exceed_the_capacity()
    {
        var admission = new Admission(1_000, clock);
        long refused = 0;
        Parallel.For(0, 5_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, n =>
        {
            var tokens = 1 + n % 300;
            try
            {
                admission.Enter(tokens);
            }
            catch (QueueFullException)
            {
                Interlocked.Increment(ref refused);
                return;
            }
            Assert.InRange(admission.Tokens, tokens, 1_000);
            if (n % 2 == 0)
                admission.Abandon(tokens);
            else
                admission.Finish(tokens);
        });

        Assert.Equal(0, admission.Tokens);
        Assert.InRange(refused, 0, 4_999);
    }

    void Work(Admission admission, long tokens, TimeSpan duration)
    {
        admission.Enter(tokens);
        clock.Advance(duration);
        admission.Finish(tokens);
    }
}
