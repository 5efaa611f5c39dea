using ScoringService.Inference.Batching;

namespace ScoringService.Inference.Tests.Batching;

public sealed class BatchSchedulerTests
{
    const int Budget = 64;

    static readonly Requester Patient = new("cohort", Urgency.Background);

    readonly ManualClock clock = new();
    readonly BatchScheduler scheduler;
    readonly EncoderQueue encoder;
    readonly EncoderBatch batch = new();

    public BatchSchedulerTests()
    {
        scheduler = new(new QueueOptions { BatchTokens = Budget, WaitingTokens = 100_000 }, executors: 4, clock);
        encoder = Encoder();
    }

    [Fact]
    public void A_lone_request_runs_at_once_sorted_by_length()
    {
        Enqueue(Requests.Of(encoder, [1, 2, 3], [4, 5]));

        Assert.Equal([2, 3], Next());
        Assert.Empty(Next());
    }

    [Fact]
    public void A_batch_keeps_to_its_budget_padding_included()
    {
        Enqueue(Requests.Of(encoder, new int[20], new int[20], new int[30], new int[16]));

        Assert.Equal([16, 20, 20], Next());
        Assert.Equal([30], Next());
    }

    [Fact]
    public void A_batch_holds_a_multiple_of_what_its_encoder_likes_side_by_side_unless_nothing_else_waits()
    {
        var routed = scheduler.Add(Requests.Encode, Requests.Hidden, sideBySide: 4);
        Enqueue(Requests.Of(routed, [.. Enumerable.Repeat(new int[6], 17)]));

        Assert.Equal(8, Next().Length);
        Assert.Equal(9, Next().Length);
    }

    [Fact]
    public void A_response_over_the_budget_runs_alone()
    {
        Enqueue(Requests.Of(encoder, [1], new int[3 * Budget], [2]));

        Assert.Equal([1, 1], Next());
        Assert.Equal([3 * Budget], Next());
    }

    [Theory]
    [InlineData(1, new[] { 8 })]
    [InlineData(2, new[] { 4, 4 })]
    [InlineData(3, new[] { 2, 3, 3 })]
    [InlineData(20, new[] { 1, 1, 1, 1, 1, 1, 1, 1 })]
    public void What_waits_is_spread_over_idle_executors(int idle, int[] batches)
    {
        Enqueue(Requests.Of(encoder, [.. Enumerable.Repeat(new int[5], 8)]));

        Assert.Equal(batches, batches.Select((_, taken) => Next(idle - taken).Length));
        Assert.Empty(Next());
    }

    [Fact]
    public void A_probe_stays_together_enters_a_full_queue_and_takes_nobodys_room()
    {
        Enqueue(Requests.Of(encoder, new int[99_999]));
        Assert.Equal([99_999], Next(end: false));
        var probe = new EncodeRequest(new(""), 2) { IsProbe = true };
        for (var i = 0; i < 2; i++)
        {
            probe.Room(5).Clear();
            probe.Add(encoder, 5, 0);
        }
        Enqueue(probe);

        Assert.Equal(99_999, scheduler.Tokens(Urgency.Interactive));
        var other = new EncoderBatch();
        Assert.True(scheduler.TryTake(other, idle: 4));
        Assert.Equal(2, other.Count);
        scheduler.Cancel(probe, CancellationToken.None);
        scheduler.End(other, failure: null);
        Assert.Equal(99_999, scheduler.Tokens(Urgency.Interactive));
    }

    [Fact]
    public void What_is_interactive_never_waits_for_background_that_has_not_begun()
    {
        var other = Encoder();
        Enqueue(Requests.Of(Patient, (encoder, new int[60]), (encoder, new int[60]), (other, new int[60])));
        Assert.Equal([60], Next());
        Enqueue(Requests.Of(other, [1]));
        Enqueue(Requests.Of(encoder, [1, 2]));

        Assert.Equal(Urgency.Interactive, NextUrgency());
        Assert.Equal(Urgency.Interactive, NextUrgency());
        Assert.Equal(Urgency.Background, NextUrgency());
        Assert.Equal(Urgency.Background, NextUrgency());
        Assert.Empty(Next());
    }

    [Fact]
    public void Encoders_share_evenly_by_tokens_however_much_waits_for_each()
    {
        var rare = Encoder();
        Enqueue(Requests.Of(encoder, [.. Enumerable.Repeat(new int[60], 500)]));
        for (var taken = 0; taken < 100; taken++)
            Next();
        Enqueue(Requests.Of(rare, new int[60], new int[60], new int[60]));

        var order = Enumerable.Range(0, 7).Select(_ => NextEncoder() == rare).ToArray();

        Assert.InRange(Array.IndexOf(order, true), 0, 1);
        Assert.Equal(3, order.Count(isRare => isRare));
    }

    [Fact]
    public void A_caller_that_went_away_leaves_the_queue_and_makes_room_at_once()
    {
        var (gone, stays) = (Requests.Of(encoder, [1, 2], [1, 2, 3]), Requests.Of(encoder, [1, 2, 3, 4]));
        Enqueue(gone);
        Enqueue(stays);

        Assert.True(scheduler.Cancel(gone, new CancellationToken(canceled: true)));

        Assert.Equal(4, scheduler.Tokens(Urgency.Interactive));
        Assert.Equal([4], Next());
        Assert.Empty(Next());
        Assert.False(scheduler.Cancel(gone, CancellationToken.None));
    }

    [Fact]
    public void What_runs_when_its_caller_goes_keeps_its_tokens_and_arrays_until_the_pass_ends()
    {
        var gone = Requests.Of(encoder, new int[60], new int[60]);
        Enqueue(gone);
        Next(idle: 1, end: false);
        scheduler.Cancel(gone, new CancellationToken(canceled: true));
        gone.Publish();
        gone.Dispose();

        Assert.Equal(60, scheduler.Tokens(Urgency.Interactive));
        End();
        Assert.Equal(0, scheduler.Tokens(Urgency.Interactive));
        Assert.True(gone.Completion.IsCanceled);
        Assert.Empty(Next());
    }

    [Fact]
    public void Waiting_and_running_are_told_apart()
    {
        var request = Requests.Of(encoder, [1], new int[Budget]);
        Enqueue(request);
        clock.Advance(TimeSpan.FromSeconds(2));
        Next(idle: 1, end: false);
        clock.Advance(TimeSpan.FromSeconds(3));
        End();
        clock.Advance(TimeSpan.FromSeconds(4));
        Next(idle: 1, end: false);
        clock.Advance(TimeSpan.FromSeconds(5));
        End();

        Assert.True(request.IsAnswered);
        Assert.Equal((TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(8)), (request.QueueTime, request.InferenceTime));
    }

    [Fact]
    public void Passes_that_overlap_are_counted_once()
    {
        var (request, second) = (Requests.Of(encoder, new int[60], new int[60]), new EncoderBatch());
        Enqueue(request);
        Next(idle: 2, end: false);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.True(scheduler.TryTake(second, idle: 1));
        clock.Advance(TimeSpan.FromSeconds(1));
        End();
        clock.Advance(TimeSpan.FromSeconds(1));
        scheduler.End(second, failure: null);

        Assert.Equal((TimeSpan.Zero, TimeSpan.FromSeconds(3)), (request.QueueTime, request.InferenceTime));
    }

    [Fact]
    public void An_encoder_that_is_closed_takes_nothing_more()
    {
        Enqueue(Requests.Of(encoder, [1]));
        encoder.IsClosed = true;

        Assert.Throws<ObjectDisposedException>(() => Enqueue(Requests.Of(new Requester("school"), (Encoder(), [1, 2]), (encoder, [1]))));

        Assert.Equal(1, scheduler.Tokens(Urgency.Interactive));
        Assert.Equal([1], Next());
        Assert.Equal(0, encoder.Outstanding);
    }

    EncoderQueue Encoder() => scheduler.Add(Requests.Encode, Requests.Hidden);

    void Enqueue(EncodeRequest request) => scheduler.Enqueue(request);

    /// <summary>Lengths of the responses of the next batch; none when nothing waits.</summary>
    int[] Next(int idle = 1, bool end = true)
    {
        if (!scheduler.TryTake(batch, idle))
            return [];
        int[] lengths = [.. batch.Rows.ToArray().Select(row => row.Length)];
        if (end)
            End();
        return lengths;
    }

    Urgency NextUrgency()
    {
        Next(end: false);
        var urgency = batch.Urgency;
        End();
        return urgency;
    }

    EncoderQueue NextEncoder()
    {
        Next();
        return batch.Encoder!;
    }

    void End()
    {
        batch.Run();
        scheduler.End(batch, failure: null);
        batch.Publish();
    }
}
