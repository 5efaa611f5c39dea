using System.Text.Json;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tests.Encoders;
using ScoringService.Inference.Tests.Tokenization;

namespace ScoringService.Inference.Tests.Scoring;

public sealed class ScorerTests : IDisposable
{
    static readonly string[] Texts = [.. Golden.Samples().Where((_, n) => n % 90 == 0)];

    readonly SmallBundle bundles = new();

    public void Dispose() => bundles.Dispose();

    [Fact]
    public async Task A_score_depends_on_neither_neighbours_nor_order_nor_padding()
    {
        await using var scorer = Load(new ServingOptions { Queue = new() { BatchTokens = 200 } });
        var responses = Texts
            .SelectMany(text => SmallBundle.Items, (text, item) => new ResponseToScore($"{item.Id}|{text}", item.Id, text)).ToArray();
        var alone = new Dictionary<string, ScoredResponse>();
        foreach (var response in responses)
            alone[response.ResponseId] = Assert.IsType<ScoredResponse>(Assert.Single(await Score(scorer, response)));

        for (var seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            random.Shuffle(responses);
            var requests = Split(responses, random).ToList();

            await Parallel.ForEachAsync(requests, async (request, _) =>
            {
                foreach (var result in (await Score(scorer, request)).Cast<ScoredResponse>())
                    AssertSame(alone[result.ResponseId], result, $"seed {seed}, '{result.ResponseId}'");
            });
        }
    }

    [Fact]
    public async Task Results_come_in_the_order_of_the_request()
    {
        await using var scorer = Load(new ServingOptions());

        var results = await Score(
            scorer,
            new("r1", "wide", "It evaporated in the sun."),
            new("r2", "no-such-item", "It evaporated in the sun."),
            new("r3", "rubric", " \t\u200b"),
            new("r4", "scale", "It evaporated in the sun."));

        Assert.Equal(["r1", "r2", "r3", "r4"], results.Select(result => result.ResponseId));
        Assert.Equal(["wide", "no-such-item", "rubric", "scale"], results.Select(result => result.ItemId));
        var wide = Assert.IsType<ScoredResponse>(results[0]);
        Assert.Equal((scorer.Bundle.Id, "e1", 10, false, 5), (wide.Bundle, wide.Encoder, wide.Tokens, wide.Truncated, wide.Labels.Length));
        Assert.Equal(1, wide.Labels.Sum(label => label.Probability), 9);
        Assert.Contains("'no-such-item'", Assert.IsType<RejectedResponse>(results[1]).Problem.Detail, StringComparison.Ordinal);
        Assert.Equal("e0", Assert.IsType<ScoredResponse>(results[3]).Encoder);
    }

    [Fact]
    public async Task An_empty_response_is_answered_without_a_model_and_left_to_a_person()
    {
        await using var scorer = Load(new ServingOptions());

        var batch = await scorer.ScoreAsync([new("r", "scale", "")], new("school"), CancellationToken.None);

        var empty = Assert.IsType<ScoredResponse>(Assert.Single(batch.Results));
        Assert.Equal([ReviewReason.Empty], empty.Flags.ToArray());
        Assert.Equal(GradingProgress.PendingManual, empty.GradingProgress);
        Assert.Equal(new Score(0, 0, 0, 2), empty.Score);
        Assert.Equal((TimeSpan.Zero, TimeSpan.Zero), (batch.QueueTime, batch.InferenceTime));
    }

    [Fact]
    public async Task A_cut_response_says_so()
    {
        await using var scorer = Load(new ServingOptions { Review = new() { MinConfidence = 0 } });

        var results = await Score(scorer, new ResponseToScore("r", "scale", string.Concat(Enumerable.Repeat("sunny ", 99))));

        var cut = Assert.IsType<ScoredResponse>(Assert.Single(results));

        Assert.Equal((40, true), (cut.Tokens, cut.Truncated));
        Assert.Equal([ReviewReason.Truncated, ReviewReason.NotInTrainingRange], cut.Flags.ToArray());
    }

    [Fact]
    public async Task A_full_queue_takes_all_responses_of_a_request_or_none()
    {
        await using var scorer = Load(new ServingOptions { Queue = new() { WaitingTokens = 150, BatchTokens = 50 } });
        await scorer.ProbeAsync(CancellationToken.None);
        var refused = 0;
        await Parallel.ForAsync(0, 400, async (n, _) =>
        {
            var random = new Random(n);
            var request = Enumerable.Range(0, 6)
                .Select(i => new ResponseToScore($"{n}-{i}", SmallBundle.Items[random.Next(4)].Id, Texts[random.Next(Texts.Length)])).ToArray();
            try
            {
                var results = await Score(scorer, request);
                Assert.Equal(request.Select(response => response.ResponseId), results.Select(result => result.ResponseId));
            }
            catch (QueueFullException full)
            {
                Assert.True(full.RetryAfter > TimeSpan.Zero);
                Interlocked.Increment(ref refused);
            }
        });

        Assert.InRange(refused, 1, 399);
        Assert.IsType<ScoredResponse>(Assert.Single(await Score(scorer, new ResponseToScore("after", "wide", Texts[0]))));
    }

    [Fact]
    public async Task Cancelled_requests_take_nothing_from_the_others()
    {
        await using var scorer = Load(new ServingOptions { Queue = new() { BatchTokens = 60 } });
        await Parallel.ForAsync(0, 200, async (n, _) =>
        {
            using var cancel = new CancellationTokenSource();
            var responses = Enumerable.Range(0, 5)
                .Select(i => new ResponseToScore($"{i}", SmallBundle.Items[(n + i) % 4].Id, Texts[(n + i) % Texts.Length]));
            var scoring = scorer.ScoreAsync([.. responses], new("school"), cancel.Token);
            if (n % 3 == 0)
                await cancel.CancelAsync();
            try
            {
                Assert.Equal(5, (await scoring).Results.OfType<ScoredResponse>().Count());
            }
            catch (OperationCanceledException)
            {
                Assert.Equal(0, n % 3);
            }
        });
    }

    [Theory]
    [InlineData("wemoe")]
    [InlineData("e-wemoe")]
    [InlineData("low-rank")]
    [InlineData("low-rank routed")]
    public async Task Every_kind_of_encoder_is_published_verified_and_passes_the_probe(string kind)
    {
        var bundle = bundles.Publish(seed: 1, first: RandomEncoders.Of(kind, new Random(1), SmallBundle.Config, experts: 2));
        await using var scorer = Scorer.Load(bundle, new ServingOptions(), TimeProvider.System);

        await scorer.ProbeAsync(CancellationToken.None);

        Assert.All(await ScoreEverything(scorer), result => Assert.IsType<ScoredResponse>(result));
    }

    [Fact]
    public async Task Every_expert_of_a_bundle_is_probed()
    {
        // Queries of the last expert alone that make its attention overflow.
        var encoder = (LowRankEncoder)RandomEncoders.Of("low-rank", new Random(1), SmallBundle.Config, experts: 2);
        var name = LowRankEncoder.BiasOf(LowRankEncoder.Linears(SmallBundle.Config).First());
        var bias = encoder.Factors[name];
        var factors = encoder.Factors.ToDictionary();
        factors[name] = bias with { Values = [.. bias.Values.Select((value, i) => i < bias.Shape[1] ? value : 3e38f)] };
        var bundle = bundles.Publish(seed: 1, first: encoder with { Factors = factors });
        await using var scorer = Scorer.Load(bundle, new ServingOptions(), TimeProvider.System);

        await Assert.ThrowsAsync<NotFiniteNumberException>(() => scorer.ProbeAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Each_item_of_a_low_rank_encoder_is_scored_by_its_own_expert()
    {
        var encoder = (LowRankEncoder)RandomEncoders.Of("low-rank", new Random(1), SmallBundle.Config, experts: 2);
        var mixed = await ScoredBy(encoder);
        string[] items = ["scale", "rubric"];
        for (var expert = 0; expert < items.Length; expert++)
        {
            var alone = await ScoredBy(RandomEncoders.Folded(encoder, expert));
            foreach (var (expected, actual) in alone.Zip(mixed).Where(pair => items.Contains(pair.First.ItemId)))
            {
                if (expected.ItemId == items[expert])
                    AssertSame(expected, actual, expected.ResponseId);
                else
                    Assert.NotEqual(expected.Confidence, actual.Confidence, 1e-4);
            }
        }

        async Task<ScoredResponse[]> ScoredBy(EncoderModel first)
        {
            await using var scorer = Scorer.Load(bundles.Publish(seed: 1, first: first), new ServingOptions(), TimeProvider.System);
            return [.. (await ScoreEverything(scorer)).Cast<ScoredResponse>()];
        }
    }

    [Fact]
    public async Task A_bundle_whose_heads_overflow_does_not_pass_the_probe()
    {
        await using var scorer = Scorer.Load(bundles.Publish(seed: 1, headScale: 3e38f), new ServingOptions(), TimeProvider.System);

        await Assert.ThrowsAsync<NotFiniteNumberException>(() => scorer.ProbeAsync(CancellationToken.None));
    }

    [Fact]
    public void A_bundle_that_sends_more_tokens_than_its_encoder_reads_is_refused()
    {
        var refusal = Assert.Throws<InvalidOperationException>(
            () => Scorer.Load(bundles.Publish(seed: 1, maxTokens: 49), new ServingOptions(), TimeProvider.System));

        Assert.Contains("reads 48 tokens; the bundle cuts responses to 49", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_result_is_written_as_the_contract_has_it()
    {
        await using var scorer = Load(new ServingOptions());
        var results = await Score(
            scorer,
            new("r1", "scale", "It evaporated in the sun."),
            new("r2", "rubric", "It evaporated in the sun."),
            new("r3", "none", ""),
            new("r4", "scale", " "));

        var json = JsonSerializer.SerializeToElement<IEnumerable<ResponseResult>>(results, JsonSerializerOptions.Web);

        Assert.Equal(
            "bundle confidence encoder flags gradingProgress itemId labels responseId score status tokens truncated",
            string.Join(' ', Names(json[0])));
        Assert.Equal("scored", json[0].GetProperty("status").GetString());
        Assert.Equal(["expected", "maximum", "minimum", "value"], Names(json[0].GetProperty("score")));
        Assert.Equal(["name", "probability"], Names(json[0].GetProperty("labels")[0]));
        Assert.Equal(["name", "present", "probability"], Names(json[1].GetProperty("labels")[0]));
        Assert.Equal("rejected", json[2].GetProperty("status").GetString());
        Assert.Equal("urn:scoring:problem:unknown-item", json[2].GetProperty("problem").GetProperty("type").GetString());
        Assert.Equal("PendingManual", json[3].GetProperty("gradingProgress").GetString());
        Assert.Equal("""["empty"]""", json[3].GetProperty("flags").GetRawText());
    }

    Scorer Load(ServingOptions options) => Scorer.Load(bundles.Publish(seed: 1), options, TimeProvider.System);

    static async Task<IReadOnlyList<ResponseResult>> Score(Scorer scorer, params ResponseToScore[] responses) =>
        (await scorer.ScoreAsync(responses, new("school"), CancellationToken.None)).Results;

    /// <summary>Every text for every item, in one request.</summary>
    static Task<IReadOnlyList<ResponseResult>> ScoreEverything(Scorer scorer) =>
        Score(scorer, [.. Texts.SelectMany(text => SmallBundle.Items, (text, item) => new ResponseToScore($"{item.Id}|{text}", item.Id, text))]);

    static IEnumerable<ResponseToScore[]> Split(ResponseToScore[] responses, Random random)
    {
        for (var start = 0; start < responses.Length;)
        {
            var end = Math.Min(responses.Length, start + 1 + random.Next(60));
            yield return responses[start..end];
            start = end;
        }
    }

    static string[] Names(JsonElement element) => [.. element.EnumerateObject().Select(property => property.Name).Order(StringComparer.Ordinal)];

    static void AssertSame(ScoredResponse expected, ScoredResponse actual, string where)
    {
        Assert.True(expected.Labels.Length == actual.Labels.Length, where);
        foreach (var (a, b) in expected.Labels.Zip(actual.Labels))
            Assert.True(Math.Abs(a.Probability - b.Probability) <= 1e-5, $"{where}: {a.Probability} alone, {b.Probability} in a batch");
        Assert.True(Math.Abs(expected.Score.Expected - actual.Score.Expected) <= 1e-4, where);
    }
}
