using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Tests.Graphs;

public class GraphTests
{
    [Fact]
    public void An_operand_that_does_not_fit_is_refused_with_its_place_in_the_model()
    {
        var graph = new Graph();
        var (x, w) = (graph.Input("x", ["batch", 384]), graph.Input("w", [1536, 380]));
        using var layer = graph.Scope("encoder.layer.3");
        using var mlp = graph.Scope("mlp");

        var error = Assert.Throws<ArgumentException>(() => x.Gemm(w, transposeRight: true));

        Assert.Equal("encoder.layer.3/mlp: Gemm: [batch,384] times [1536,380]ᵀ.", error.Message);
    }

    public static TheoryData<string, Func<Node, Node, Node>> Misfits => new()
    {
        { "different symbols", (a, _) => a + a.Graph.Input("z", ["tokens", 6]) },
        { "different sizes", (a, b) => a * b },
        { "integers and numbers", (a, _) => a - a.Graph.Integers(1, 2, 3, 4, 5, 6) },
        { "another number of elements", (a, _) => a.Reshape(["batch", 5]) },
        { "a shape that is no repetition", (a, _) => a.Expand(["batch", 12]) },
        { "an axis twice", (a, _) => a.Transpose(0, 0) },
        { "an axis there is not", (a, _) => a.Sum(2) },
        { "the same axis from both ends", (a, _) => a.Sum(1, -1) },
        { "inner sizes of a product", (a, b) => a.MatMul(b) },
        { "a vector in a matrix product", (a, _) => a.MatMul(a.Graph.Input("v", [6])) },
        { "an addend larger than the product", (a, _) => a.Gemm(a.Graph.Input("m", [6, 2]), a.Graph.Input("c", [3, 1, 2])) },
        { "a scale of another width", (a, b) => a.LayerNormalization(b, b, 1e-5f) },
        { "numbers as indices", (a, b) => a.Gather(b) },
        { "keys of another width", (a, b) => a.Attention(b, b, a, 2) },
        { "a node of another graph", (a, _) => a + new Graph().Input("y", ["batch", 6]) },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void Operands_that_do_not_fit_are_refused(string what, Func<Node, Node, Node> apply)
    {
        var graph = new Graph();
        var (a, b) = (graph.Input("a", ["batch", 6]), graph.Input("b", [4, 5]));

        Assert.False(string.IsNullOrEmpty(Assert.Throws<ArgumentException>(() => apply(a, b)).Message), what);
    }

    [Fact]
    public void Broadcasting_agrees_with_its_definition_on_random_shapes()
    {
        Dimension[] sizes = [1, 1, 2, 3, "batch"];
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            Shape common = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => sizes[random.Next(sizes.Length)])];
            Shape Thinned() => [.. common.Skip(random.Next(common.Count)).Select(size => random.Next(3) == 0 ? 1 : size)];
            var (a, b) = (Thinned(), Thinned());

            var result = Shape.Broadcast(a, b);

            Assert.NotNull(result);
            Assert.Equal(result, Shape.Broadcast(b, a));
            Assert.Equal(result, Shape.Broadcast(result, a));
            Assert.True(result.Count == Math.Max(a.Count, b.Count), $"seed {seed}");
        }
    }

    [Fact]
    public void Dimensions_multiply_like_numbers()
    {
        Dimension batch = "batch", tokens = "tokens";
        Assert.Equal(batch * tokens * 12, 3 * (tokens * 4) * batch);
        Assert.NotEqual(batch * batch, batch);
        Assert.Equal("12*batch*tokens", $"{tokens * 12 * batch}");
        Assert.Equal(384, (Dimension)32 * 12);
        Assert.False((batch * 2).IsFixed);
    }

    [Fact]
    public void Symbols_take_the_sizes_of_each_run()
    {
        var graph = new Graph();
        var x = graph.Input("x", ["batch", "tokens", 2]);
        var pairs = x.Reshape([(Dimension)"batch" * "tokens", 2]).Reshape(["batch", "tokens", 2]).Transpose(1, 0, 2).Reshape(["tokens", (Dimension)"batch" * 2]);
        var counted = graph.Constant(1).Expand(["batch", "tokens"]).Sum(0, 1) + (graph.SizeOf("tokens") * graph.SizeOf("batch")).ToFloating();
        using var session = new InferenceSession(graph.ToModel([("pairs", pairs), ("counted", counted), ("rows", graph.Range("batch"))]));

        foreach (var (batch, tokens) in new[] { (1, 1), (3, 2), (2, 5) })
        {
            float[] values = [.. Enumerable.Range(0, batch * tokens * 2).Select(i => (float)i)];
            using var input = OrtValue.CreateTensorValueFromMemory(values, [batch, tokens, 2]);
            using var run = new RunOptions();
            using var results = session.Run(run, ["x"], [input], ["pairs", "counted", "rows"]);

            var expected = Enumerable.Range(0, tokens).SelectMany(t => Enumerable.Range(0, batch).SelectMany(b => values.Skip(2 * (b * tokens + t)).Take(2)));
            Assert.Equal(expected, results[0].GetTensorDataAsSpan<float>().ToArray());
            Assert.Equal(2f * batch * tokens, results[1].GetTensorDataAsSpan<float>()[0]);
            Assert.Equal(Enumerable.Range(0, batch).Select(i => (long)i), results[2].GetTensorDataAsSpan<long>().ToArray());
        }
    }

    [Fact]
    public void A_symbol_no_input_has_is_refused()
    {
        var graph = new Graph();
        var error = Assert.Throws<ArgumentException>(() => graph.Constant(0).Expand(["batch"]));
        Assert.Contains("no input of the graph has a dimension 'batch'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_is_given_once()
    {
        var graph = new Graph();
        graph.Input("x", [1]);
        Assert.Throws<ArgumentException>(() => graph.Weight("x", new Tensor([1], [1])));
    }

    [Fact]
    public void A_model_holds_only_what_its_outputs_need()
    {
        var graph = new Graph();
        var (x, unused) = (graph.Input("x", [2]), graph.Input("unused", [2]));
        _ = (unused * 3).Relu();
        var y = x + graph.Weight("w", new Tensor([2], [10, 20]));

        using var session = new InferenceSession(graph.ToModel([("y", y), ("y again", y), ("x as it is", x)], new Dictionary<string, string> { ["made by"] = "test" }));

        Assert.Equal(["x"], session.InputNames);
        Assert.Equal("test", session.ModelMetadata.CustomMetadataMap["made by"]);
        using var input = OrtValue.CreateTensorValueFromMemory([1f, 2f], [2]);
        using var run = new RunOptions();
        using var results = session.Run(run, ["x"], [input], session.OutputNames);
        Assert.Equal([[11f, 22f], [11f, 22f], [1f, 2f]], results.Select(result => result.GetTensorDataAsSpan<float>().ToArray()));
    }
}
