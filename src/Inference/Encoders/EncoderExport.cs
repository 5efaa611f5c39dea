using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// Writes an encoder as a bundle holds it: <c>name.onnx</c>, the graph alone, and <c>name.safetensors</c>, its weights. The graph points to each
/// weight's bytes in the second file, which the runtime maps into memory: nothing is stored twice.
/// </summary>
public static class EncoderExport
{
    /// <summary>Writes both files.</summary>
    /// <param name="directory">Where; must exist.</param>
    /// <param name="name">Name of the files, e.g. <c>e0</c>.</param>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="tensors">At least the tensors of <see cref="BertTensors"/>.</param>
    /// <param name="output">What the encoder returns; null for the mean of the last hidden state.</param>
    public static void Write(
        string directory, string name, BertConfig config, IReadOnlyDictionary<string, Tensor> tensors, EncoderOutput? output = null)
    {
        BertTensors.Check(config, tensors);
        var weightFile = $"{name}.safetensors";
        var entries = WriteWeights(Path.Combine(directory, weightFile), BertTensors.Shapes(config), tensors);
        File.WriteAllBytes(
            Path.Combine(directory, $"{name}.onnx"),
            EncoderSession.Model(config, output ?? new(), (graph, weight, shape) => graph.Weight(weight, shape, weightFile, entries[weight].Offset)));
    }

    static IReadOnlyDictionary<string, SafetensorsEntry> WriteWeights(
        string path, IReadOnlyDictionary<string, ImmutableArray<int>> shapes, IReadOnlyDictionary<string, Tensor> tensors)
    {
        using var writer = new SafetensorsWriter(path, shapes);
        foreach (var name in shapes.Keys)
            writer.Write(name, tensors[name].Values);
        writer.Complete();
        return writer.Entries;
    }
}
