using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Items whose models are a two-layer BERT with small changes, and random responses: for methods that read responses.</summary>
static class TinyGroup
{
    static readonly Checkpoint Base = new(TinyBert.Config, TinyBert.Encoder, null, new Dictionary<string, byte[]>());

    public static MergeWork Work { get; } = new(new RuntimeOptions { Threads = 1 }, 2, new Progress<StageProgress>(), default);

    /// <summary>A group of items whose names alone decide their models and responses.</summary>
    /// <param name="ids">Each one letter.</param>
    public static MergeGroup Group(params ImmutableArray<string> ids) =>
        new(Base, [.. ids.Select(Item)], ids.ToDictionary(id => id, Model));

    /// <summary>Some responses of every item in turn, each with its item's expert: a mix as it is served.</summary>
    public static EncoderInput[] Mixed(MergeGroup group) =>
        [.. Enumerable.Range(0, 7).SelectMany(row => group.Items.Select((item, expert) => new EncoderInput(item.Train[row], expert)))];

    /// <summary>The pooled vectors of responses that go through an encoder in one batch.</summary>
    public static float[][] Encode(EncoderModel encoder, params EncoderInput[] responses)
    {
        using var session = EncoderSession.Create(encoder, new(), Work.Runtime);
        return Encode(session, responses);
    }

    public static float[][] Encode(EncoderSession session, EncoderInput[] responses)
    {
        var pooled = new float[responses.Length * session.HiddenSize];
        session.Encode(responses, pooled);
        return [.. pooled.Chunk(session.HiddenSize)];
    }

    public static void AssertClose(float[][] expected, float[][] actual, float tolerance, string where = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (left, right) => left.Zip(right, (a, b) => Math.Abs(a - b)).Max()).Max();
        Assert.True(worst <= tolerance, $"{where} differs by {worst:g3}");
    }

    public static Tensor Changed(Tensor tensor, Random random, float scale) =>
        tensor with { Values = [.. tensor.Values.Select(value => value + (scale * (random.NextSingle() - .5f)))] };

    static ItemModel Model(string id)
    {
        var random = new Random(id[0]);
        return new(
            Item(id).Data.Item,
            TinyBert.Config,
            TinyBert.Encoder.ToDictionary(
                tensor => tensor.Key,
                tensor => BertTensors.EmbeddingTables.Contains(tensor.Key) ? tensor.Value : Changed(tensor.Value, random, .1f)),
            new(Changed(TinyBert.Head.Weight, random, .1f), TinyBert.Head.Bias));
    }

    static TokenizedItem Item(string id)
    {
        var random = new Random(id[0]);
        var item = new Item { Id = id, Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
        int[][] responses = [.. Enumerable.Range(0, 24).Select(_ => Enumerable.Range(0, random.Next(3, 12)).Select(_ => random.Next(50)).ToArray())];
        return new(new(item, [.. responses.Select((_, row) => new LabelledResponse($"r{row}", "", [row % 3 == 0, row % 3 == 1, row % 3 == 2]))],
            [], []), responses, [], []);
    }
}
