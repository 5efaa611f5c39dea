using ScoringService.Inference.Batching;

namespace ScoringService.Inference.Tests.Batching;

public sealed class AdmissionTests
{
    const Urgency Now = Urgency.Interactive;
    const Urgency Later = Urgency.Background;

    static readonly QueueOptions Options = new() { WaitingTokens = 100, BackgroundTokens = 40 };

    readonly Admission admission = new(Options, executors: 1);

    [Fact]
    public void A_request_that_does_not_fit_leaves_no_trace()
    {
        admission.Enter(Now, 60);

        Assert.Throws<QueueFullException>(() => admission.Enter(Now, 41));
        Assert.Equal(60, admission.Tokens(Now));

        admission.Enter(Now, 40);
        Assert.Equal(100, admission.Tokens(Now));
    }

    [Fact]
    public void A_request_larger_than_the_whole_queue_enters_when_it_is_empty()
    {
        admission.Enter(Now, 1_000);

        Assert.Throws<QueueFullException>(() => admission.Enter(Now, 1));
        Assert.Equal(1_000, admission.Tokens(Now));
    }

    [Fact]
    public void The_background_takes_no_room_from_what_is_interactive()
    {
        admission.Enter(Later, 40);

        Assert.Throws<QueueFullException>(() => admission.Enter(Later, 1));
        admission.Enter(Now, 100);
        Assert.Equal((100, 40), (admission.Tokens(Now), admission.Tokens(Later)));
    }

    [Theory]
    [InlineData(1, 1.2)]
    [InlineData(4, 0.3)]
    public void The_time_to_retry_is_how_long_what_is_in_the_way_takes_on_all_executors(int executors, double seconds)
    {
        var pool = new Admission(Options, executors);
        pool.Measure(100, TimeSpan.FromSeconds(2));
        pool.Enter(Now, 80);

        Assert.Equal(seconds, RetryAfter(() => pool.Enter(Now, 80)), 6);
    }

    [Fact]
    public void What_never_fits_beside_others_waits_for_all_of_them()
    {
        admission.Measure(100, TimeSpan.FromSeconds(2));
        admission.Enter(Now, 80);

        Assert.Equal(1.6, RetryAfter(() => admission.Enter(Now, 5_000)), 6);
    }

    [Fact]
    public void The_background_waits_for_what_is_interactive_too()
    {
        admission.Measure(100, TimeSpan.FromSeconds(2));
        admission.Enter(Now, 80);
        admission.Enter(Later, 40);

        Assert.Equal(1.8, RetryAfter(() => admission.Enter(Later, 10)), 6);
    }

    [Fact]
    public void The_rate_follows_a_machine_that_slows_down()
    {
        for (var pass = 0; pass < 50; pass++)
            admission.Measure(100, TimeSpan.FromSeconds(1));
        for (var pass = 0; pass < 50; pass++)
            admission.Measure(100, TimeSpan.FromSeconds(4));
        admission.Enter(Now, 100);

        Assert.InRange(RetryAfter(() => admission.Enter(Now, 100)), 3.9, 4);
    }

    [Fact]
    public void Before_anything_was_measured_no_time_is_made_up()
    {
        admission.Enter(Now, 100);

        Assert.Null(Assert.Throws<QueueFullException>(() => admission.Enter(Now, 1)).RetryAfter);
    }

    static double RetryAfter(Action enter) => Assert.Throws<QueueFullException>(enter).RetryAfter!.Value.TotalSeconds;
}
