using Google.Protobuf;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs.Onnx;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class QuantizedBaseModelTests : IDisposable
{
    static readonly string MiniLm = Path.Combine(AppContext.BaseDirectory, "base-models", "minilm-l6");

    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_block_expands_to_its_nibbles_low_one_first()
    {
        var random = new Random(11);
        var (quantized, scales) = (Enumerable.Range(0, 96).Select(_ => random.Next(16)).ToArray(), new[] { .5f, -3f, 1e-3f });
        var weights = new float[96];

        QuantizedBaseModel.Expand([.. quantized.Chunk(2).Select(pair => (byte)(pair[0] | pair[1] << 4))], scales, weights);

        Assert.Equal(quantized.Select((q, i) => (q - 8) * scales[i / 32]), weights);
    }

    [Fact]
    public void The_base_model_of_the_build_becomes_a_checkpoint_that_survives_saving()
    {
        var model = QuantizedBaseModel.Dequantize(MiniLm);
        model.Save(directory["minilm-l6"]);

        var loaded = Checkpoint.Load(directory["minilm-l6"]);

        var config = loaded.Config;
        Assert.Equal((384, 6, 12, 30522), (config.HiddenSize, config.Layers, config.AttentionHeads, config.VocabularySize));
        Assert.Null(loaded.Head);
        Assert.Equal(["tokenizer.json", "tokenizer_config.json", "vocab.txt"], loaded.Tokenizer.Keys);
        foreach (var (name, shape) in BertTensors.Shapes(model.Config))
        {
            Assert.Equal(shape.ToArray(), loaded.Encoder[name].Shape.ToArray());
            Assert.True(model.Encoder[name].Values.AsSpan().SequenceEqual(loaded.Encoder[name].Values), name);
        }
    }

    [Fact]
    public void Every_linear_layer_has_at_most_sixteen_values_a_block_and_no_two_layers_are_alike()
    {
        var encoder = QuantizedBaseModel.Dequantize(MiniLm).Encoder;
        var linear = encoder.Where(t => t.Key.StartsWith("encoder.", StringComparison.Ordinal) && t.Value.Shape.Length == 2).ToList();

        Assert.Equal(6 * 6, linear.Count);
        foreach (var (name, tensor) in linear)
            Assert.All(tensor.Values.Chunk(32).Take(500), block => Assert.True(block.Distinct().Count() <= 16, name));
        Assert.Equal(encoder.Count, encoder.Values.Select(tensor => string.Join(' ', tensor.Values.Take(8))).Distinct().Count());
    }

    [Fact]
    public void A_tensor_that_does_not_fit_the_configuration_is_named()
    {
        var refusal = RefusedAfter(graph => Tensor(graph, "model.layers.2.mlp.fc1.MatMul.weight_Q4").Dims[0] = 1535);

        Assert.Equal("model.layers.2.mlp.fc1.MatMul.weight_Q4", refusal.Tensor);
        Assert.Contains("Uint8 [1535,12,16]; config.json asks for Uint8 [1536,12,16]", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_that_is_missing_is_named()
    {
        var refusal = RefusedAfter(graph => Tensor(graph, "model.layers.-1.embeddings_norm_layernorm.bias").Name = "gone");

        Assert.Equal("model.layers.-1.embeddings_norm_layernorm.bias", refusal.Tensor);
    }

    [Theory]
    [InlineData("54429000", "ends beyond the file")]
    [InlineData("-8", "does not say where")]
    public void An_offset_outside_the_data_is_refused(string offset, string reason)
    {
        var refusal = RefusedAfter(graph =>
            Tensor(graph, "model.layers.0.mlp.fc2.Add.bias").ExternalData.Single(entry => entry.Key == "offset").Value = offset);

        Assert.Equal("model.layers.0.mlp.fc2.Add.bias", refusal.Tensor);
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
    }

    InvalidCheckpointException RefusedAfter(Action<GraphProto> change)
    {
        foreach (var file in Directory.GetFiles(MiniLm)) File.Copy(file, directory[Path.GetFileName(file)]);
        var path = directory["model_q4.onnx"];
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(path));
        change(model.Graph);
        File.Delete(path);
        File.WriteAllBytes(path, model.ToByteArray());
        return Assert.Throws<InvalidCheckpointException>(() => QuantizedBaseModel.Dequantize(directory.Path));
    }

    static TensorProto Tensor(GraphProto graph, string name) => graph.Initializer.Single(tensor => tensor.Name == name);
}
