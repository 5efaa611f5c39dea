using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
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
        var offsets = WriteWeights(Path.Combine(directory, weightFile), BertTensors.Shapes(config).Keys, tensors);
        File.WriteAllBytes(
            Path.Combine(directory, $"{name}.onnx"),
            EncoderSession.Model(config, output ?? new(), (graph, weight, shape) => graph.Weight(weight, shape, weightFile, offsets[weight])));
    }

    static Dictionary<string, long> WriteWeights(string path, IEnumerable<string> names, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var offsets = new Dictionary<string, long>();
        var header = new SortedDictionary<string, object>(StringComparer.Ordinal);
        long end = 0;
        foreach (var name in names)
        {
            var start = end;
            end += sizeof(float) * (long)tensors[name].Length;
            offsets[name] = start;
            header[name] = new { dtype = "F32", shape = tensors[name].Shape, data_offsets = new[] { start, end } };
        }

        var json = JsonSerializer.SerializeToUtf8Bytes(header);
        // The format lets spaces follow the header; they align the weights, so that they can be read where they are mapped.
        var headerLength = (sizeof(ulong) + json.Length + 63) / 64 * 64 - sizeof(ulong);
        var prefix = new byte[sizeof(ulong) + headerLength];
        prefix.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)headerLength);
        json.CopyTo(prefix, sizeof(ulong));

        using var file = File.Create(path);
        file.Write(prefix);
        foreach (var name in offsets.Keys)
        {
            file.Write(MemoryMarshal.AsBytes<float>(tensors[name].Values));
            offsets[name] += prefix.Length;
        }
        return offsets;
    }
}
