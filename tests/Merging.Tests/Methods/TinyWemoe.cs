using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;
using ScoringService.Inference.Torch;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;
using TorchSharp;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Three experts of a two-layer BERT, and what WEMoE and E-WEMoE make of them, computed by PyTorch in double precision (the file's note says how).</summary>
static class TinyWemoe
{
    const int Tokens = 11;

    static readonly SafetensorsFile File = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Golden", "tiny_wemoe.safetensors"));

    public static int[] Items { get; } = [.. File.ReadInt64s("item").Select(item => (int)item)];

    /// <summary>The batch, without padding.</summary>
    public static int[][] Responses { get; } =
        [.. File.ReadInt64s("input_ids").Chunk(Tokens).Zip(File.ReadInt64s("attention_mask").Chunk(Tokens), (ids, mask) =>
            ids.Take(mask.Count(real => real == 1)).Select(id => (int)id).ToArray())];

    public static MergeGroup Group { get; } = MakeGroup();

    /// <summary>The batch as a graph reads it, each response's item among its inputs.</summary>
    public static (string Name, double[] Values, long[] Shape)[] Inputs { get; } =
    [
        (EncoderGraph.IdsInput, [.. Responses.SelectMany(ids => ids.Select(id => (double)id).Concat(new double[Tokens - ids.Length]))],
            [Responses.Length, Tokens]),
        (EncoderGraph.MaskInput, [.. Responses.SelectMany(ids => ids.Select(_ => 1.0).Concat(new double[Tokens - ids.Length]))],
            [Responses.Length, Tokens]),
        ("item", [.. Items.Select(item => (double)item)], [Responses.Length]),
    ];

    /// <summary>The logits of pooled vectors, each by the head of its response's item.</summary>
    public static Node Logits(Graph graph, Node pooled)
    {
        var heads = StackedHeads.Of([.. Group.Items.Select(item => item.Data.Item)], [.. Group.Ids.Select(id => Group.Models[id].Head)]);
        var items = graph.Input("item", ElementType.I64, ["batch"]);
        return graph.Weight("heads", heads.Weight).Gather(items).MatMul(pooled.Reshape(["batch", 32, 1])).Reshape(["batch", 3])
            + graph.Weight("biases", heads.Bias).Gather(items);
    }

    /// <summary>The mean entropy of the batch's predictions, and its gradients with respect to tensors of the encoder.</summary>
    public static (double Entropy, double[][] Gradients) EntropyOf(EncoderModel encoder, string[] names)
    {
        using var scope = Libtorch.Scope();
        var graph = new Graph();
        using var program = new TorchProgram(graph, [Logits(graph, encoder.Build(graph, graph.Input).Pooled(new()))]);
        var weights = program.Inputs.Where(name => Inputs.All(input => input.Name != name)).ToDictionary(
            name => name, name => encoder.TensorOf(name).ToTorch());
        torch.Tensor[] variables = [.. names.Select(name => weights[name].requires_grad_(true))];
        var values = Inputs.ToDictionary(
            input => input.Name, input => TorchMemory.Copy(Array.ConvertAll(input.Values, value => (long)value), input.Shape));
        var entropy = Losses.Entropy(program.Run(name => values.GetValueOrDefault(name) ?? weights[name])[0]).mean();
        if (names.Length > 0)
            entropy.backward();
        return (entropy.Floats()[0], [.. variables.Select(variable =>
            Array.ConvertAll(variable.grad!.contiguous().Floats().ToArray(), value => (double)value))]);
    }

    public static double[] Values(string name) => File.ReadDoubles(name);

    /// <summary>The routers of <c>wemoe</c> or <c>ewemoe</c>, under the names they have here.</summary>
    public static Dictionary<string, Tensor> Routers(string method, IReadOnlyDictionary<string, Tensor> like) => like.ToDictionary(
        tensor => tensor.Key, tensor => Read(GoldenName(method, "", tensor.Key)));

    /// <summary>Name of a router's tensor, or of its gradient, in the file.</summary>
    public static string GoldenName(string method, string gradient, string tensor)
    {
        var parts = tensor.Split('.');
        var layer = method == "ewemoe" ? "0" : parts[1];
        return $"{method}.router{layer}{gradient}.{parts[^2]}.{parts[^1]}";
    }

    static MergeGroup MakeGroup()
    {
        var baseModel = BertTensors.Shapes(TinyBert.Config).Keys.ToDictionary(name => name, name => Read($"base.{name}"));
        TokenizedItem[] items = [.. Enumerable.Range(0, 3).Select(i => new TokenizedItem(
            new(new Item { Id = $"item{i}", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] },
                [.. Responses.Where((_, row) => Items[row] == i).Select((_, row) => new LabelledResponse($"r{row}", "", [true, false, false]))], [], []),
            [.. Responses.Where((_, row) => Items[row] == i)], [], []))];
        var models = items.Select((item, i) => new ItemModel(
            item.Data.Item,
            TinyBert.Config,
            baseModel.ToDictionary(t => t.Key, t => File.Entries.ContainsKey($"expert{i}.{t.Key}") ? Read($"expert{i}.{t.Key}") : t.Value),
            new(Read($"head{i}.weight"), Read($"head{i}.bias")))).ToDictionary(model => model.Item.Id);
        return new(new(TinyBert.Config, baseModel, null, new Dictionary<string, byte[]>()), [.. items], models);
    }

    static Tensor Read(string name) => new(File.Entries[name].Shape, [.. File.ReadDoubles(name).Select(value => (float)value)]);

    /// <summary>Whether values differ by no more than a share of the largest one.</summary>
    public static void AssertRelative(double[] expected, double[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / scale;
        Assert.True(worst <= tolerance, $"{what}: off by {worst:g3} of the largest value");
    }
}
