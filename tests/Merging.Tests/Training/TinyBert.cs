using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

/// <summary>A two-layer BERT whose logits, gradients and first three AdamW steps PyTorch computed in double precision (the file's note says how).</summary>
static class TinyBert
{
    public static BertConfig Config { get; } = new()
    {
        HiddenSize = 32, IntermediateSize = 64, Layers = 2, AttentionHeads = 4, VocabularySize = 50, MaxPositions = 16,
    };

    static readonly SafetensorsFile File = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Golden", "tiny_bert_training.safetensors"));

    public static IReadOnlyDictionary<string, Tensor> Encoder { get; } =
        BertTensors.Shapes(Config).ToDictionary(tensor => tensor.Key, tensor => new Tensor(tensor.Value, [.. Values($"param.{tensor.Key}").Select(v => (float)v)]));

    public static Head Head { get; } = new(
        new([3, 32], [.. Values("param.classifier.weight").Select(v => (float)v)]), new([3], [.. Values("param.classifier.bias").Select(v => (float)v)]));

    /// <summary>The batch, without padding.</summary>
    public static int[][] Responses { get; } =
        [.. Ids("input_ids").Chunk(11).Zip(Ids("attention_mask").Chunk(11), (ids, mask) => ids.Take(mask.Count(real => real == 1)).Select(id => (int)id).ToArray())];

    /// <summary>One-hot, <c>[responses, labels]</c>.</summary>
    public static float[] Targets { get; } = [.. Ids("labels").SelectMany(label => Enumerable.Range(0, 3).Select(other => other == label ? 1f : 0f))];

    public static Item Item { get; } = new() { Id = "scale", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };

    /// <summary>The batch with its labels.</summary>
    public static TrainingExample[] Examples { get; } =
        [.. Responses.Zip(Targets.Chunk(3), (ids, targets) => new TrainingExample(ids, Item: 0, targets))];

    public static double[] Values(string name) => File.ReadDoubles(name);

    static long[] Ids(string name) => File.ReadInt64s(name);
}
