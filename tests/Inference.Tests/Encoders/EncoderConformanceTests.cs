using System.Diagnostics.CodeAnalysis;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Torch;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>Every engine computes the same encoder: the graph in ONNX Runtime, the graph on Torch tensors, and our kernels.</summary>
public sealed class EncoderConformanceTests
{
    const float Tolerance = 2e-5f;

    // Widths in sixteens, so that the kernels take them too.
    static readonly BertConfig Sizes = new()
    {
        HiddenSize = 64, IntermediateSize = 96, Layers = 2, AttentionHeads = 4, VocabularySize = 80, MaxPositions = 40,
    };

    public static TheoryData<string> Kinds => ["static", "wemoe", "e-wemoe", "low-rank", "low-rank routed"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void All_engines_agree_on_random_encoders_and_responses(string kind)
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var model = RandomEncoders.Of(kind, random, Sizes, routedAttention: seed % 2 == 0);
            var output = new EncoderOutput(random.Next(-3, 3), (Pooling)random.Next(2));
            var responses = RandomEncoders.Responses(random, model, random.Next(1, 12));
            using var reference = EncoderSession.Create(model, output, new() { Threads = 1 });
            var expected = RandomEncoders.Encode(reference, responses);

            foreach (var engine in Others(model, output))
            {
                using (engine)
                {
                    Assert.Equal(reference.HiddenSize, engine.HiddenSize);
                    Assert.Equal(reference.MaxTokens, engine.MaxTokens);
                    var actual = RandomEncoders.Encode(engine, responses);
                    for (var row = 0; row < responses.Length; row++)
                    {
                        var scale = Math.Max(1, expected[row].Max(Math.Abs));
                        var distance = RandomEncoders.Distance(expected[row], actual[row]) / scale;
                        Assert.True(distance <= Tolerance, $"{engine.GetType().Name}, seed {seed}, {output}, row {row}: off by {distance}");
                    }
                }
            }
        }
    }

    [Fact]
    public void A_response_has_the_same_bits_on_Torch_whatever_thread_asks()
    {
        var random = new Random(7);
        var model = RandomEncoders.Of("static", random, Sizes);
        using var encoder = new TorchEncoder(model, new());
        var responses = RandomEncoders.Responses(random, model, 40);
        var expected = responses.Select(response => RandomEncoders.Encode(encoder, response)[0]).ToArray();

        var actual = responses.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(response => RandomEncoders.Encode(encoder, response)[0]).ToArray();

        Assert.Equal(expected, actual);
    }

    [SuppressMessage("Reliability", "CA2000", Justification = "The caller disposes each.")]
    static IEnumerable<IEncoder> Others(EncoderModel model, EncoderOutput output)
    {
        yield return new TorchEncoder(model, output);
        if (RaggedEncoder.Runs(model))
            yield return new RaggedEncoder(model, output);
    }
}
