using ScoringService.Inference.Batching;

namespace ScoringService.Inference.Tests.Batching;

/// <summary>How long a small backlog may have to wait, whatever the others have.</summary>
public sealed class FairnessTests
{
    [Fact]
    public void A_small_backlog_waits_for_no_more_of_another_tenant_than_its_own_size_and_two_windows()
    {
        for (var seed = 0; seed < 1_000; seed++)
        {
            var random = new Random(seed);
            var (budget, longest) = (random.Next(8, 65), random.Next(1, 30));
            var scheduler = Scheduler(budget);
            var encoder = scheduler.Add(Requests.Encode, Requests.Hidden);
            var small = random.Next(1, 20);
            var turn = Math.Max(1, budget / WaitingLine.TurnsInBatch);
            // Window at arrival and window of its last response; in between as many turns as it needs itself.
            var window = WaitingLine.BatchesInWindow * budget + longest;
            var bound = 2 * window + small * longest + 3 * turn + 2 * longest;

            var others = random.Next(1, 5);
            for (var tenant = 0; tenant < others; tenant++)
                scheduler.Enqueue(Request($"many {tenant}", encoder, random, longest, tokens: 20 * bound));
            var batch = new EncoderBatch();
            for (var before = random.Next(30); before > 0; before--)
                Run(scheduler, batch);
            var request = Request("small", encoder, random, longest, responses: small);
            scheduler.Enqueue(request);
            bound += request.Tokens - small * longest;
            var served = new Dictionary<string, int>();
            while (!request.IsOver)
            {
                foreach (var (tenant, tokens) in Run(scheduler, batch, random.Next(1, 4)))
                    served[tenant] = served.GetValueOrDefault(tenant) + tokens;
            }

            foreach (var (tenant, tokens) in served)
                Assert.True(tenant == "small" || tokens <= bound, $"seed {seed}: {tenant} had {tokens} tokens before, more than {bound}");
            Assert.True(scheduler.WaitingTokens(Urgency.Interactive) > others * bound, $"seed {seed}: the others had too little to be unfair with");
        }
    }

    [Fact]
    public void Tenants_that_always_have_more_are_served_evenly()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (budget, longest) = (random.Next(8, 65), random.Next(1, 30));
            var scheduler = Scheduler(budget);
            var encoder = scheduler.Add(Requests.Encode, Requests.Hidden);
            var tenants = random.Next(2, 5);
            for (var tenant = 0; tenant < tenants; tenant++)
                scheduler.Enqueue(Request($"{tenant}", encoder, random, longest, tokens: 10_000 * (tenant + 1)));

            var (batch, served) = (new EncoderBatch(), new int[tenants]);
            while (served.Max() < 8_000)
            {
                foreach (var (tenant, tokens) in Run(scheduler, batch))
                    served[int.Parse(tenant, System.Globalization.CultureInfo.InvariantCulture)] += tokens;
            }

            var apart = WaitingLine.BatchesInWindow * budget + budget / WaitingLine.TurnsInBatch + 3 * longest + 1;
            Assert.True(served.Max() - served.Min() <= apart, $"seed {seed}: {string.Join(", ", served)} are more than {apart} apart");
        }
    }

    [Fact]
    public void What_encoders_are_served_while_they_have_work_is_never_more_than_two_batches_apart()
    {
        for (var seed = 0; seed < 1_000; seed++)
        {
            var random = new Random(seed);
            var (budget, longest) = (random.Next(8, 65), random.Next(1, 30));
            var scheduler = Scheduler(budget);
            var busy = Enumerable.Range(0, random.Next(1, 5)).Select(_ => scheduler.Add(Requests.Encode, Requests.Hidden)).ToArray();
            var rare = scheduler.Add(Requests.Encode, Requests.Hidden);
            foreach (var encoder in busy)
                scheduler.Enqueue(Request("school", encoder, random, longest, tokens: 20_000));
            var batch = new EncoderBatch();
            for (var before = random.Next(100); before > 0; before--)
                Run(scheduler, batch);
            var request = Request("school", rare, random, longest, responses: random.Next(1, 200));
            scheduler.Enqueue(request);

            var served = new Dictionary<EncoderQueue, long>();
            while (!request.IsOver)
            {
                Run(scheduler, batch);
                served[batch.Encoder!] = served.GetValueOrDefault(batch.Encoder!) + batch.PaddedTokens;
            }

            var apart = 2 * Math.Max(budget, longest);
            foreach (var encoder in busy)
            {
                var difference = Math.Abs(served.GetValueOrDefault(encoder) - served[rare]);
                Assert.True(difference <= apart, $"seed {seed}: {difference} tokens apart, more than {apart}");
            }
        }
    }

    static BatchScheduler Scheduler(int budget) =>
        new(new QueueOptions { BatchTokens = budget, WaitingTokens = 1 << 30 }, executors: 1, new ManualClock());

    static EncodeRequest Request(
        string tenant, EncoderQueue encoder, Random random, int longest, int responses = int.MaxValue, int tokens = int.MaxValue)
    {
        var lengths = new List<int>();
        while (lengths.Count < responses && tokens > 0)
        {
            var length = random.Next(1, longest + 1);
            lengths.Add(length);
            tokens -= length;
        }
        return Requests.Of(new(tenant), [.. lengths.Select(length => (encoder, new int[length]))]);
    }

    /// <summary>Runs the next batch.</summary>
    /// <returns>Tenants and tokens of its responses.</returns>
    static (string Tenant, int Tokens)[] Run(BatchScheduler scheduler, EncoderBatch batch, int idle = 1)
    {
        if (!scheduler.TryTake(batch, idle))
            return [];
        (string, int)[] rows = [.. batch.Rows.ToArray().Select(row => (row.Part.Request.Requester.Tenant, row.Length))];
        batch.Run();
        scheduler.End(batch, failure: null);
        batch.Publish();
        return rows;
    }
}
