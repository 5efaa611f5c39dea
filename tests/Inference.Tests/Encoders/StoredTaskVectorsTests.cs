using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Encoders;

public sealed class StoredTaskVectorsTests : IDisposable
{
    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Dense_and_pruned_experts_are_read_side_by_side() =>
        Assert.Equal([1, 2, 3, 0, 5, 0], Read(("x.expert.0", [1, 2, 3]), ("x.expert.1.values", [5])).Values);

    [Fact]
    public void A_missing_expert_is_named() => AssertRefused("x.expert.1.values", "is not in the file", ("x.expert.0", [1, 2, 3]));

    [Fact]
    public void A_dense_expert_of_another_length_is_named() =>
        AssertRefused("x.expert.0", "has 2 values; the graph reads 3", ("x.expert.0", [1, 2]), ("x.expert.1.values", [5]));

    [Fact]
    public void A_mask_that_marks_another_number_of_values_is_named() =>
        AssertRefused("x.expert.1", "A mask of 1 bytes marks 1 values; 2 of 3 are stored", ("x.expert.0", [1, 2, 3]), ("x.expert.1.values", [5, 6]));

    [Fact]
    public void An_expert_without_its_mask_is_named() =>
        AssertRefused("x.expert.0.mask", "is not in the file", ("x.expert.0.values", [1, 2, 3]), ("x.expert.1.values", [5]));

    [Fact]
    public void A_changed_mask_is_found_when_the_encoder_is_loaded()
    {
        EncoderExport.Write(directory.Path, "e0", RandomEncoders.Of("e-wemoe", new Random(4)));
        var path = directory["e0.safetensors"];
        SafetensorsEntry mask;
        using (var file = SafetensorsFile.Open(path))
            mask = file.Entries.Values.First(entry => entry.Type == SafetensorsType.U8);
        var bytes = File.ReadAllBytes(path);
        bytes[mask.Offset] ^= 1;
        File.WriteAllBytes(path, bytes);

        var refusal = Assert.Throws<InvalidCheckpointException>(() => EncoderSession.Load(directory["e0.onnx"], new() { Threads = 1 }));

        Assert.Equal(mask.Name, $"{refusal.Tensor}.mask");
        Assert.Contains("is not a pruned task vector", refusal.Reason, StringComparison.Ordinal);
    }

    void AssertRefused(string tensor, string reason, params (string Name, float[] Values)[] stored)
    {
        var refusal = Assert.Throws<InvalidCheckpointException>(() => Read(stored));
        Assert.Equal(tensor, refusal.Tensor);
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
    }

    /// <summary>Two experts of three values; the second one's mask keeps the value in the middle.</summary>
    Tensor Read(params (string Name, float[] Values)[] stored)
    {
        var path = directory["x.safetensors"];
        using (var writer = new SafetensorsWriter(
            path, stored.Select(tensor => KeyValuePair.Create(tensor.Name, ImmutableArray.Create(tensor.Values.Length))),
                bytes: [KeyValuePair.Create("x.expert.1.mask", 1)]))
        {
            foreach (var (name, values) in stored)
                writer.Write(name, values);
            writer.Write("x.expert.1.mask", [2]);
            writer.Complete();
        }
        using var file = SafetensorsFile.Open(path);
        return StoredTaskVectors.ReadStack(file, TaskVector.StackOf("x"), [2, 3]);
    }
}
