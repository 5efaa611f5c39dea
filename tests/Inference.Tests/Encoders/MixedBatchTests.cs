using ScoringService.Inference.Encoders;
using static ScoringService.Inference.Tests.Encoders.RandomEncoders;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>Encoders that keep something of each item's own, on batches that mix items.</summary>
public sealed class MixedBatchTests : IDisposable
{
    readonly TemporaryDirectory directory = new();

    public static TheoryData<string> Kinds => ["wemoe", "e-wemoe", "low-rank", "low-rank routed"];

    public void Dispose() => directory.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_response_is_encoded_the_same_whatever_its_neighbours_their_items_and_their_length(string kind)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var encoder = Of(kind, random);
            var responses = Responses(random, encoder, random.Next(2, 30));
            using var session = EncoderSession.Create(encoder, new(), new() { Threads = 1 });

            var together = Encode(session, responses);

            foreach (var (row, response) in responses.Index())
                Assert.True(Distance(Encode(session, response)[0], together[row]) <= 1e-5f, $"seed {seed}, row {row}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Responses_in_another_order_get_the_same_vectors_in_that_order(string kind)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var encoder = Of(kind, random);
            var responses = Responses(random, encoder, 21);
            int[] order = [.. Enumerable.Range(0, responses.Length)];
            random.Shuffle(order);

            var (straight, shuffled) = (Encode(encoder, responses), Encode(encoder, [.. order.Select(row => responses[row])]));

            Assert.All(order.Index(), place =>
                Assert.True(Distance(straight[place.Item], shuffled[place.Index]) <= 1e-5f, $"seed {seed}, row {place.Item}"));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Several_passes_give_the_vectors_of_one(string kind)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var encoder = Of(kind, random);
            var responses = Responses(random, encoder, 8 + random.Next(1, 20));

            var (several, one) = (Encode(encoder, responses), Encode(new InOnePass(encoder), responses));

            Assert.All(several.Zip(one), row => Assert.True(Distance(row.First, row.Second) <= 1e-5f, $"seed {seed}"));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Stored_and_loaded_it_gives_the_same_vectors(string kind)
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var encoder = Of(kind, random);
            var responses = Responses(random, encoder, 12);
            EncoderExport.Write(directory.Path, $"e{seed}", encoder);

            using var loaded = EncoderSession.Load(directory[$"e{seed}.onnx"], new() { Threads = 1 });

            Assert.Equal(kind == "low-rank", loaded.ReadsExpert);
            Assert.All(Encode(encoder, responses).Zip(Encode(loaded, responses)), row =>
                Assert.True(Distance(row.First, row.Second) <= 1e-6f, $"seed {seed}"));
        }
    }

    [Fact]
    public void A_low_rank_expert_is_the_shared_weights_plus_its_factors_product()
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var encoder = (LowRankEncoder)Of("low-rank", random);
            var mixed = Responses(random, encoder, 20);

            var vectors = Encode(encoder, mixed);

            for (var expert = 0; expert < encoder.Experts; expert++)
            {
                var folded = Encode(Folded(encoder, expert), mixed);
                foreach (var (row, response) in mixed.Index())
                {
                    var distance = Distance(folded[row], vectors[row]);
                    Assert.True(response.Expert == expert
                        ? distance <= 2e-5f : distance > 1e-3f, $"seed {seed}, row {row}, expert {expert}: {distance}");
                }
            }
        }
    }

    [Fact]
    public void Only_where_the_item_selects_its_expert_does_the_item_matter()
    {
        foreach (var kind in (string[])["wemoe", "e-wemoe", "low-rank routed"])
        {
            var encoder = Of(kind, new Random(3), experts: 3);
            var vectors = Encode(encoder, new((int[])[4, 5, 6], 0), new((int[])[4, 5, 6], 2));
            Assert.True(Distance(vectors[0], vectors[1]) <= 1e-6f, kind);
        }
    }
}
