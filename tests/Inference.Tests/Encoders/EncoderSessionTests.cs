using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Inference.Tests.Encoders;

public sealed class EncoderSessionTests : IDisposable
{
    static readonly BertConfig Tiny = new()
    {
        HiddenSize = 24, IntermediateSize = 40, Layers = 3, AttentionHeads = 4, VocabularySize = 60, MaxPositions = 20,
    };

    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory();

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public void Minilm_embeds_texts_as_PyTorch_does()
    {
        using var encoder = EncoderSession.Create(MiniLm.Checkpoint.Config, MiniLm.RoundedToFourBits.Encoder, new(), new());
        using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "minilm_embeddings.json")));
        var cases = golden.RootElement.GetProperty("cases").EnumerateArray().ToArray();
        var ids = cases.Select(text => text.GetProperty("ids").Deserialize<int[]>()!).ToArray();

        var pooled = Encode(encoder, ids);

        for (var row = 0; row < cases.Length; row++)
            AssertClose(cases[row].GetProperty("embedding").Deserialize<float[]>()!, pooled[row], 1e-5f, $"case {row}");
    }

    [Fact]
    public void An_exported_encoder_equals_the_one_in_memory()
    {
        var tensors = RandomTensors(Tiny, seed: 1);
        EncoderExport.Write(directory.FullName, "e0", Tiny, tensors);
        using var inMemory = EncoderSession.Create(Tiny, tensors, new(), new());

        using var exported = EncoderSession.Load(Path.Combine(directory.FullName, "e0.onnx"), new());

        int[][] responses = [[1, 2, 3], [7, 8, 9, 10, 11, 12, 13]];
        var (expected, actual) = (Encode(inMemory, responses), Encode(exported, responses));
        Assert.Equal((inMemory.HiddenSize, inMemory.MaxTokens), (exported.HiddenSize, exported.MaxTokens));
        for (var row = 0; row < responses.Length; row++)
            AssertClose(expected[row], actual[row], 1e-6f, $"row {row}");
    }

    [Fact]
    public void An_exported_graph_opens_in_any_ONNX_runtime_with_token_ids_and_mask_alone()
    {
        var tensors = RandomTensors(Tiny, seed: 1);
        EncoderExport.Write(directory.FullName, "e0", Tiny, tensors);
        using var ours = EncoderSession.Create(Tiny, tensors, new(), new());
        using var theirs = new InferenceSession(Path.Combine(directory.FullName, "e0.onnx"));
        using var ids = OrtValue.CreateTensorValueFromMemory([1L, 2, 3], [1, 3]);
        using var mask = OrtValue.CreateTensorValueFromMemory([1L, 1, 1], [1, 3]);
        using var run = new RunOptions();

        using var results = theirs.Run(run, [EncoderGraph.IdsInput, EncoderGraph.MaskInput], [ids, mask], theirs.OutputNames);

        Assert.Equal([EncoderGraph.MaskInput, EncoderGraph.IdsInput], theirs.InputNames.Order());
        AssertClose(Encode(ours, [1, 2, 3])[0], results[0].GetTensorDataAsSpan<float>().ToArray(), 1e-6f, "the response");
    }

    [Fact]
    public void A_response_is_encoded_the_same_whatever_its_neighbours()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var output = new EncoderOutput(random.Next(-4, 4), (Pooling)random.Next(2));
            using var encoder = EncoderSession.Create(Tiny, RandomTensors(Tiny, seed), output, new());
            var responses = Enumerable.Range(0, random.Next(2, 9)).Select(_ => RandomIds(random, Tiny)).ToArray();

            var together = Encode(encoder, responses);

            for (var row = 0; row < responses.Length; row++)
                AssertClose(Encode(encoder, responses[row])[0], together[row], 1e-5f, $"seed {seed}, row {row}, {output}");
        }
    }

    [Fact]
    public void Concurrent_callers_get_their_own_results()
    {
        using var encoder = EncoderSession.Create(Tiny, RandomTensors(Tiny, seed: 3), new(), new());
        var random = new Random(3);
        var responses = Enumerable.Range(0, 200).Select(_ => RandomIds(random, Tiny)).ToArray();
        var expected = responses.Select(response => Encode(encoder, response)[0]).ToArray();

        var actual = responses.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(response => Encode(encoder, response)[0]).ToArray();

        for (var row = 0; row < responses.Length; row++)
            AssertClose(expected[row], actual[row], 1e-6f, $"response {row}");
    }

    [Theory]
    [InlineData(0, 3)]
    [InlineData(-3, 1)]
    [InlineData(-1, 3)]
    public void A_layer_is_counted_as_Hugging_Face_counts_hidden_states(int layer, int layersOfEqualEncoder)
    {
        var tensors = RandomTensors(Tiny, seed: 4);
        var shallow = Tiny with { Layers = layer == 0 ? 0 : layersOfEqualEncoder };
        using var encoder = EncoderSession.Create(Tiny, tensors, new(layer, Pooling.Cls), new());
        using var equal = EncoderSession.Create(shallow, tensors, new(-1, Pooling.Cls), new());

        AssertClose(Encode(equal, [5, 6, 7])[0], Encode(encoder, [5, 6, 7])[0], 1e-6f, $"layer {layer}");
    }

    [Fact]
    public void A_layer_the_encoder_does_not_have_is_refused()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => EncoderSession.Create(Tiny, RandomTensors(Tiny, 0), new(4), new()));
        Assert.Contains("has 3 layers: choose 0 to 3", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_of_another_shape_is_refused_by_name()
    {
        var tensors = RandomTensors(Tiny, 0);
        tensors["encoder.layer.1.output.dense.weight"] = new([40, 24], new float[960]);
        var error = Assert.Throws<ArgumentException>(() => EncoderSession.Create(Tiny, tensors, new(), new()));
        Assert.Contains("'encoder.layer.1.output.dense.weight' is [40,24]; config.json asks for [24,40]", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    public void An_empty_or_too_long_response_is_refused(int tokens)
    {
        using var encoder = EncoderSession.Create(Tiny, RandomTensors(Tiny, 0), new(), new());
        var error = Assert.Throws<ArgumentException>(() => Encode(encoder, [1, 2], new int[tokens]));
        Assert.Contains($"Response 1 of the batch has {tokens} tokens; the encoder takes 1 to 20", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Asking_for_cuda_without_a_gpu_says_what_to_do()
    {
        var runtime = new RuntimeOptions { Provider = ExecutionProvider.Cuda };
        var error = Assert.Throws<InvalidOperationException>(() => EncoderSession.Create(Tiny, RandomTensors(Tiny, 0), new(), runtime));
        Assert.Contains("choose 'cpu', or 'auto'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_without_a_gpu_runs_on_the_processor_and_says_why()
    {
        using var encoder = EncoderSession.Create(Tiny, RandomTensors(Tiny, 0), new(), new() { Provider = ExecutionProvider.Auto });
        Assert.False(encoder.OnCuda);
        Assert.StartsWith("CUDA is not available: ", encoder.FallbackReason, StringComparison.Ordinal);
        Assert.Single(Encode(encoder, [1, 2, 3]));
    }

    static float[][] Encode(EncoderSession encoder, params int[][] responses)
    {
        var pooled = new float[responses.Length * encoder.HiddenSize];
        encoder.Encode([.. responses.Select(ids => new EncoderInput(ids))], pooled);
        return [.. pooled.Chunk(encoder.HiddenSize)];
    }

    static int[] RandomIds(Random random, BertConfig config) =>
        [.. Enumerable.Range(0, random.Next(1, config.MaxPositions + 1)).Select(_ => random.Next(config.VocabularySize))];

    static Dictionary<string, Tensor> RandomTensors(BertConfig config, int seed)
    {
        var random = new Random(seed);
        return BertTensors.Shapes(config).ToDictionary(
            tensor => tensor.Key,
            tensor => new Tensor(tensor.Value, [.. Enumerable.Range(0, tensor.Value.Aggregate((a, b) => a * b)).Select(_ => random.NextSingle() - .5f)]));
    }

    static void AssertClose(float[] expected, float[] actual, float tolerance, string where)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst <= tolerance, $"{where}: differs by {worst}");
    }
}
