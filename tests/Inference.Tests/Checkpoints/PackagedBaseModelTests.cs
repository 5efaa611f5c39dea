using Google.Protobuf;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs.Onnx;
using ScoringService.Inference.Tests.Encoders;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class PackagedBaseModelTests : IDisposable
{
    static readonly PackagedBaseModel Tiny = new("tiny", "Tiny", AttentionHeads: 2);
    static readonly BertConfig Sizes = new()
    {
        HiddenSize = 8, IntermediateSize = 12, Layers = 2, AttentionHeads = 2, VocabularySize = 10, MaxPositions = 6,
    };

    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    public static TheoryData<string> Names => [.. PackagedBaseModel.All.Select(model => model.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Each_base_model_of_the_build_becomes_a_checkpoint_that_survives_saving(string name)
    {
        var model = PackagedBaseModel.All.Single(model => model.Name == name).Read();
        model.Save(directory[name]);

        var loaded = Checkpoint.Load(directory[name]);

        Assert.Equal((384, 6, 12, 30522), (loaded.Config.HiddenSize, loaded.Config.Layers, loaded.Config.AttentionHeads, loaded.Config.VocabularySize));
        Assert.Equal(22_565_376 - 0, loaded.Encoder.Values.Sum(tensor => tensor.Length));
        Assert.All(model.Encoder, tensor => Assert.Equal(tensor.Value.Values, loaded.Encoder[tensor.Key].Values));
    }

    [Fact]
    public void The_encoder_embeds_as_the_graph_it_was_exported_to()
    {
        var path = PackagedBaseModel.All[0].Path;
        using var assembly = new System.Reflection.PortableExecutable.PEReader(File.OpenRead(path));
        using var exported = new Microsoft.ML.OnnxRuntime.InferenceSession(PackagedBaseModel.Resource(path, assembly, "model.onnx"));
        int[] ids = [101, .. Enumerable.Range(2000, 12), 102];
        using var encoder = EncoderSession.Create(MiniLm.Checkpoint.Config, MiniLm.Checkpoint.Encoder, new(), new() { Threads = 1 });
        var pooled = new float[384];

        encoder.Encode([new EncoderInput(ids)], pooled);

        using var tokens = Values(ids.Select(id => (long)id));
        using var mask = Values(ids.Select(_ => 1L));
        using var types = Values(ids.Select(_ => 0L));
        using var run = new Microsoft.ML.OnnxRuntime.RunOptions();
        using var results = exported.Run(run, ["input_ids", "attention_mask", "token_type_ids"], [tokens, mask, types], [exported.OutputNames[0]]);
        var rows = results[0].GetTensorDataAsSpan<float>().ToArray().Chunk(384).ToArray();
        float[] expected = [.. Enumerable.Range(0, 384).Select(i => rows.Average(row => row[i]))];
        Assert.All(expected.Zip(pooled), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    [Fact]
    public void Matrices_are_found_by_their_biases_and_transposed()
    {
        var random = new Random(3);
        var tensors = BertTensors.Shapes(Sizes).ToDictionary(
            tensor => tensor.Key,
            tensor => new Tensor(tensor.Value, [.. Enumerable.Range(0, tensor.Value.Aggregate((a, b) => a * b)).Select(_ => random.NextSingle())]));

        var read = Tiny.ToCheckpoint("tiny", Exported(tensors), new Dictionary<string, byte[]>());

        Assert.Equal(Sizes, read.Config);
        Assert.All(tensors, tensor => Assert.Equal(tensor.Value.Values, read.Encoder[tensor.Key].Values));
    }

    [Fact]
    public void A_tensor_that_is_missing_is_named_with_the_file()
    {
        var graph = Exported(BertTensors.Shapes(Sizes).ToDictionary(t => t.Key, t => new Tensor(t.Value, new float[t.Value.Aggregate((a, b) => a * b)])));
        graph.Initializer.Remove(graph.Initializer.Single(tensor => tensor.Name == "encoder.layer.1.output.LayerNorm.bias"));

        var error = Assert.Throws<InvalidCheckpointException>(() => Tiny.ToCheckpoint("tiny.dll", graph, new Dictionary<string, byte[]>()));

        Assert.Contains("tiny.dll", error.Message, StringComparison.Ordinal);
        Assert.Contains("'encoder.layer.1.output.LayerNorm.bias' is missing", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3000)]
    [InlineData(1_000_000)]
    public void A_damaged_package_is_refused_by_name(int bytes)
    {
        var whole = File.ReadAllBytes(PackagedBaseModel.All[0].Path);
        File.WriteAllBytes(directory["cut.dll"], whole[..bytes]);

        var error = Assert.Throws<InvalidCheckpointException>(() => Tiny.Read(directory["cut.dll"]));

        Assert.Contains("cut.dll", error.Message, StringComparison.Ordinal);
        Assert.Contains("Build again", error.Message, StringComparison.Ordinal);
    }

    // As an exporter writes it: matrices without their names, transposed, before a sum with a named bias.
    static GraphProto Exported(Dictionary<string, Tensor> tensors)
    {
        var graph = new GraphProto();
        foreach (var (name, tensor) in tensors)
        {
            var isMatrix = tensor.Shape.Length == 2 && name.StartsWith("encoder.", StringComparison.Ordinal);
            if (!isMatrix)
            {
                graph.Initializer.Add(Proto(name, tensor));
                continue;
            }
            var anonymous = $"onnx::MatMul_{graph.Initializer.Count}";
            var (rows, columns) = (tensor.Shape[0], tensor.Shape[1]);
            float[] transposed = [.. Enumerable.Range(0, tensor.Length).Select(i => tensor.Values[(i % rows * columns) + (i / rows)])];
            graph.Initializer.Add(Proto(anonymous, new([columns, rows], transposed)));
            graph.Node.Add(new NodeProto { OpType = "MatMul", Input = { "x", anonymous }, Output = { $"{anonymous} product" } });
            graph.Node.Add(new NodeProto { OpType = "Add", Input = { name.Replace(".weight", ".bias", StringComparison.Ordinal), $"{anonymous} product" }, Output = { $"{anonymous} sum" } });
        }
        return graph;
    }

    static TensorProto Proto(string name, Tensor tensor)
    {
        var proto = new TensorProto { Name = name, DataType = (int)TensorProto.Types.DataType.Float };
        proto.Dims.AddRange(tensor.Shape.Select(size => (long)size));
        proto.RawData = ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(tensor.Values));
        return proto;
    }

    static Microsoft.ML.OnnxRuntime.OrtValue Values(IEnumerable<long> values) =>
        Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory(values.ToArray(), [1, values.Count()]);
}
