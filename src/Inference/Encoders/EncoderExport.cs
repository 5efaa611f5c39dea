using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// Writes an encoder as a bundle holds it: <c>name.onnx</c>, the graph alone, and <c>name.safetensors</c>, its weights. The graph points to each
/// weight's bytes in the second file, which the runtime maps into memory: nothing is stored twice. Task vectors are stored compactly and laid out when
/// the encoder is loaded.
/// </summary>
public static class EncoderExport
{
    /// <summary>Writes both files of a static encoder.</summary>
    /// <param name="directory">Where; must exist.</param>
    /// <param name="name">Name of the files, e.g. <c>e0</c>.</param>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="tensors">At least the tensors of <see cref="BertTensors"/>.</param>
    /// <param name="output">What the encoder returns; null for the mean of the last hidden state.</param>
    public static void Write(
        string directory, string name, BertConfig config, IReadOnlyDictionary<string, Tensor> tensors, EncoderOutput? output = null) =>
        Write(directory, name, new StaticEncoder(config, tensors), output);

    /// <summary>Writes both files.</summary>
    /// <param name="directory">Where; must exist.</param>
    /// <param name="name">Name of the files, e.g. <c>e0</c>.</param>
    /// <param name="model">The encoder.</param>
    /// <param name="output">What the encoder returns; null for the mean of the last hidden state.</param>
    public static void Write(string directory, string name, EncoderModel model, EncoderOutput? output = null)
    {
        BertTensors.Check(model.Config, model.Shared);
        var weightFile = $"{name}.safetensors";
        var returned = output ?? new();
        var entries = WriteWeights(Path.Combine(directory, weightFile), model, EncoderDescription.Of(model, returned));
        File.WriteAllBytes(
            Path.Combine(directory, $"{name}.onnx"),
            EncoderSession.Model(model, returned, (graph, weight, shape) => entries.TryGetValue(weight, out var entry)
                ? graph.Weight(weight, shape, weightFile, entry.Offset)
                : graph.Input(weight, shape)));
    }

    /// <summary>
    /// Bytes of an encoder's weights as they are stored: fp32 numbers, and the masks of pruned task vectors. The names beside them and the graph,
    /// some ten thousand bytes, are not counted.
    /// </summary>
    public static long WeightBytes(EncoderModel model) =>
        StoredTensors(model).Sum(tensor => sizeof(float) * (long)tensor.Value.Length)
        + StoredTaskVectors.Masks(model).Sum(mask => (long)mask.Value.Length);

    static IEnumerable<KeyValuePair<string, Tensor>> StoredTensors(EncoderModel model) =>
    [
        .. BertTensors.Shapes(model.Config).Keys.Select(name => KeyValuePair.Create(name, model.Shared[name])),
        .. model.Additional,
        .. StoredTaskVectors.Values(model),
    ];

    static IReadOnlyDictionary<string, SafetensorsEntry> WriteWeights(string path, EncoderModel model, EncoderDescription description)
    {
        var tensors = StoredTensors(model).ToArray();
        var masks = StoredTaskVectors.Masks(model).ToArray();
        using var writer = new SafetensorsWriter(
            path,
            tensors.Select(tensor => KeyValuePair.Create(tensor.Key, tensor.Value.Shape)),
            description.ToMetadata(),
            masks.Select(mask => KeyValuePair.Create(mask.Key, mask.Value.Length)));
        foreach (var (name, tensor) in tensors)
            writer.Write(name, tensor.Values);
        foreach (var (name, mask) in masks)
            writer.Write(name, mask);
        writer.Complete();
        return writer.Entries;
    }
}
