using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using ScoringService.Inference.Graphs.Onnx;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// The base model as it comes with the build: an ONNX graph with fp32 embeddings and linear layers in blocks of 32 4-bit weights
/// (ONNX Runtime's <c>MatMulNBits</c>: <c>w = (q − 8) · scale</c>, low nibble first, one fp32 scale a block).
/// </summary>
public static class QuantizedBaseModel
{
    const int BlockWeights = 32;
    const int BlockBytes = BlockWeights / 2;
    const int ZeroPoint = 8;

    /// <summary>Reads the model and turns it into an fp32 checkpoint without a head.</summary>
    /// <param name="directory">Holds <c>config.json</c>, the tokenizer's files, <c>model_q4.onnx</c> and <c>model_q4.onnx_data</c>.</param>
    /// <exception cref="InvalidCheckpointException">A tensor is missing or does not fit <c>config.json</c>.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Checkpoint Dequantize(string directory)
    {
        var config = BertConfig.Read(Path.Combine(directory, "config.json"));
        var path = Path.Combine(directory, "model_q4.onnx");
        var source = new Source(path, ModelProto.Parser.ParseFrom(File.ReadAllBytes(path)).Graph.Initializer.ToDictionary(tensor => tensor.Name));
        using var data = File.OpenHandle(path + "_data");

        var encoder = new Dictionary<string, Tensor>();
        foreach (var (name, shape) in BertTensors.Shapes(config))
        {
            var graphName = GraphName(name);
            var values = shape.Length == 2 && name.StartsWith("encoder.", StringComparison.Ordinal)
                ? source.ReadBlocks(data, graphName, shape)
                : source.Read<float>(data, graphName, TensorProto.Types.DataType.Float, [.. shape]);
            SafetensorsFile.RefuseNonFinite<float>(path, graphName, values);
            encoder.Add(name, new(shape, values));
        }
        return new(config, encoder, null, Checkpoint.ReadTokenizer(directory, config));
    }

    /// <summary>Expands blocks of 4-bit weights.</summary>
    /// <param name="packed">Two weights a byte, <c>[blocks, 16]</c>.</param>
    /// <param name="scales">One a block.</param>
    /// <param name="weights">32 a block.</param>
    internal static void Expand(ReadOnlySpan<byte> packed, ReadOnlySpan<float> scales, Span<float> weights)
    {
        for (var block = 0; block < scales.Length; block++)
        {
            var scale = scales[block];
            var bytes = packed.Slice(block * BlockBytes, BlockBytes);
            var target = weights.Slice(block * BlockWeights, BlockWeights);
            for (var i = 0; i < bytes.Length; i++)
            {
                target[2 * i] = ((bytes[i] & 0xF) - ZeroPoint) * scale;
                target[2 * i + 1] = ((bytes[i] >> 4) - ZeroPoint) * scale;
            }
        }
    }

    // Names as the exporter of the package gave them; the linear layers' without the suffix of blocks and scales.
    static string GraphName(string name)
    {
        var parts = name.Split('.');
        var leaf = parts[^1];
        return parts switch
        {
            ["embeddings", "LayerNorm", _] => $"model.layers.-1.embeddings_norm_layernorm.{leaf}",
            ["embeddings", ..] => $".model.{name}",
            ["encoder", "layer", var i, .. var rest] => $"model.layers.{i}." + rest switch
            {
                ["attention", "self", var projection, _] => Linear($"attn.{projection[0]}_proj"),
                ["attention", "output", "dense", _] => Linear("attn.o_proj"),
                ["attention", "output", "LayerNorm", _] => $"attention_output_norm_layernorm.{leaf}",
                ["intermediate", "dense", _] => Linear("mlp.fc1"),
                ["output", "dense", _] => Linear("mlp.fc2"),
                ["output", "LayerNorm", _] => $"mlp_output_norm_layernorm.{leaf}",
                _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
            },
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
        };

        string Linear(string layer) => leaf == "bias" ? $"{layer}.Add.bias" : $"{layer}.MatMul.weight";
    }

    sealed record Source(string Path, IReadOnlyDictionary<string, TensorProto> Tensors)
    {
        public float[] ReadBlocks(SafeFileHandle data, string name, ImmutableArray<int> shape)
        {
            var (outputs, inputs) = (shape[0], shape[1]);
            if (inputs % BlockWeights != 0)
                throw new InvalidCheckpointException(Path, name, $"has {inputs} inputs, which blocks of {BlockWeights} weights do not divide.");
            var blocks = inputs / BlockWeights;
            var packed = Read<byte>(data, name + "_Q4", TensorProto.Types.DataType.Uint8, [outputs, blocks, BlockBytes]);
            var scales = Read<float>(data, name + "_scales", TensorProto.Types.DataType.Float, [outputs * blocks]);
            var weights = GC.AllocateUninitializedArray<float>(outputs * inputs);
            Expand(packed, scales, weights);
            return weights;
        }

        public T[] Read<T>(SafeFileHandle data, string name, TensorProto.Types.DataType type, ReadOnlySpan<long> shape) where T : unmanaged
        {
            if (!Tensors.TryGetValue(name, out var tensor)) throw new InvalidCheckpointException(Path, name, "is missing; config.json asks for it.");
            if (tensor.DataType != (int)type || !shape.SequenceEqual([.. tensor.Dims]))
            {
                var found = $"{(TensorProto.Types.DataType)tensor.DataType} [{string.Join(',', tensor.Dims)}]";
                throw new InvalidCheckpointException(Path, name, $"is {found}; config.json asks for {type} [{string.Join(',', shape.ToArray())}].");
            }

            // The location it names is not followed: data are read from one file only.
            var offset = tensor.ExternalData.FirstOrDefault(entry => entry.Key == "offset")?.Value;
            if (!long.TryParse(offset, NumberStyles.None, CultureInfo.InvariantCulture, out var position))
                throw new InvalidCheckpointException(Path, name, "does not say where in the data file it lies.");

            var values = GC.AllocateUninitializedArray<T>(checked((int)System.Numerics.Tensors.TensorPrimitives.Product(shape)));
            var bytes = MemoryMarshal.AsBytes(values.AsSpan());
            if (RandomAccess.Read(data, bytes, position) < bytes.Length)
                throw new InvalidCheckpointException(Path + "_data", name, "ends beyond the file. Is it truncated?");
            return values;
        }
    }
}
