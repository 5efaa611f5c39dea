using ScoringService.Inference.Graphs;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class GradientRulesTests
{
    // The runtime has no double-precision kernels for these.
    static readonly string[] SinglePrecision = ["Erf", "Softplus", "Gelu"];

    /// <summary>A function of some inputs whose gradient is checked.</summary>
    sealed record Case(string Name, Func<Random, int[][]> Shapes, Func<Node[], Node> Function)
    {
        public double Low { get; init; } = -2;

        public double High { get; init; } = 2;
    }

    static readonly Case[] Cases =
    [
        new("sum of equal shapes", r => Same(r, 2), x => x[0] + x[1]),
        new("sum with a broadcast row", r => Row(r), x => x[0] + x[1]),
        new("sum with a broadcast column", r => Column(r), x => x[1] + x[0]),
        new("sum of two broadcasts", r => Outer(r), x => x[0] + x[1]),
        new("difference of equal shapes", r => Same(r, 2), x => x[0] - x[1]),
        new("difference from a broadcast row", r => Row(r), x => x[1] - x[0]),
        new("product of equal shapes", r => Same(r, 2), x => x[0] * x[1]),
        new("product with a broadcast row", r => Row(r), x => x[0] * x[1]),
        new("product of two broadcasts", r => Outer(r), x => x[0] * x[1]),
        new("square as a product with itself", r => Same(r, 1), x => x[0] * x[0]),
        new("quotient", r => Same(r, 2), x => x[0] / x[1]) { Low = .5 },
        new("quotient by a broadcast column", r => Column(r), x => x[0] / x[1]) { Low = .5 },
        new("quotient of a broadcast row", r => Row(r), x => x[1] / x[0]) { Low = .5 },
        new("negation", r => Same(r, 1), x => -x[0]),
        new("exponential", r => Same(r, 1), x => x[0].Exp()),
        new("error function", r => Same(r, 1), x => x[0].Erf()),
        new("logistic function", r => Same(r, 1), x => x[0].Sigmoid()),
        new("softplus", r => Same(r, 1), x => x[0].Softplus()),
        new("GELU", r => Same(r, 1), x => x[0].Gelu()),
        new("logarithm", r => Same(r, 1), x => x[0].Log()) { Low = .5 },
        new("rectifier", r => Same(r, 1), x => x[0].Relu()),
        new("softmax", r => Same(r, 1), x => x[0].Softmax()),
        new("log softmax", r => Same(r, 1), x => x[0].LogSoftmax()),
        new("reshape", r => [[r.Next(1, 4), 6]], x => (x[0] * x[0]).Reshape([x[0].Shape[0] * 2, 3])),
        new("expansion", r => [[r.Next(1, 4), 1, 3]], x => x[0].Expand([2, x[0].Shape[0], 4, 3])),
        new("transposition", r => [[r.Next(1, 4), 2, r.Next(1, 4), 3]], x => x[0].Transpose(2, 0, 3, 1)),
        new("sum over inner axes", r => [[r.Next(1, 4), 2, 3]], x => x[0].Sum(1, -1)),
        new("sum over the outer axis", r => [[r.Next(1, 4), 3]], x => x[0].Sum(0)),
        new("mean over inner axes", r => [[r.Next(1, 4), 2, 3]], x => x[0].Mean(-1, 1)),
        new("mean over the outer axis", r => [[r.Next(1, 4), 3]], x => x[0].Mean(0)),
        new("matrix product", r => [[r.Next(1, 4), 3], [3, r.Next(1, 4)]], x => x[0].MatMul(x[1])),
        new("batched matrix product", r => [[2, r.Next(1, 4), 2, 3], [2, 1, 3, r.Next(1, 4)]], x => x[0].MatMul(x[1])),
        new("matrices times one matrix", r => [[2, r.Next(1, 4), 3], [3, r.Next(1, 4)]], x => x[0].MatMul(x[1])),
        new("Gemm", r => [[r.Next(1, 4), 3], [3, 2]], x => x[0].Gemm(x[1])),
        new("Gemm with a bias", r => [[r.Next(1, 4), 3], [3, 2], [2]], x => x[0].Gemm(x[1], x[2])),
        new("Gemm, left transposed", r => [[3, r.Next(1, 4)], [3, 2], [1, 2]], x => x[0].Gemm(x[1], x[2], transposeLeft: true)),
        new("Gemm, right transposed", r => [[r.Next(1, 4), 3], [2, 3], [2]], x => x[0].Gemm(x[1], x[2], transposeRight: true)),
        new("Gemm, both transposed", r => [[3, 4], [r.Next(1, 4), 3], [4, 1]], x => x[0].Gemm(x[1], x[2], transposeLeft: true, transposeRight: true)),
        new("rows of a table, some twice", r => [[4, r.Next(1, 4)]], x => x[0].Gather(x[0].Graph.Integers(3, 0, 3))),
        new("layer normalization", r => [[r.Next(1, 4), 5], [5], [5]], x => x[0].LayerNormalization(x[1], x[2], 1e-3f)),
        new("layer normalization of three axes", r => [[2, r.Next(1, 4), 5], [5], [5]], x => x[0].LayerNormalization(x[1], x[2], 1e-3f)),
        new("cross entropy", r => [[r.Next(1, 5), 3], [1, 3]], x => Losses.CrossEntropy(x[0], x[1].Softmax().Expand(x[0].Shape))),
        new("binary cross entropy", r => [[r.Next(1, 5), 3], [1, 3]], x => Losses.BinaryCrossEntropy(x[0], x[1].Sigmoid().Expand(x[0].Shape))),
    ];

    public static TheoryData<string> Names => [.. Cases.Select(example => example.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_gradient_equals_finite_differences(string name)
    {
        var example = Cases.Single(example => example.Name == name);
        for (var seed = 0; seed < 4; seed++)
        {
            var random = new Random(seed);
            var shapes = example.Shapes(random);
            var inputs = shapes.Select((shape, i) =>
                ($"x{i}", Values(random, shape.Aggregate(1, (a, b) => a * b), example.Low, example.High), Array.ConvertAll(shape, size => (long)size))).ToArray();

            var precision = Build(example, shapes, ElementType.Fp64).Operators.Intersect(SinglePrecision).Any() ? ElementType.Fp32 : ElementType.Fp64;
            var (graph, x, y, _) = Build(example, shapes, precision);
            var weights = Values(random, (int)y.Shape.Size.Factor, -1, 1);
            var loss = (y * graph.Input("weights", y.Shape)).Sum([.. Enumerable.Range(0, y.Shape.Count)]);
            using var function = new GraphRunner(graph, y);
            using var gradients = new GraphRunner(graph, [.. Gradients.Of(loss, x)]);

            var actual = gradients.Run([.. inputs, ("weights", weights, [.. y.Shape.Select(size => size.Factor)])]);

            var (step, tolerance) = precision == ElementType.Fp64 ? (1e-3, 1e-6) : (1.0 / 32, 1e-3);
            for (var input = 0; input < inputs.Length; input++)
            {
                var values = inputs[input].Item2;
                for (var i = 0; i < values.Length; i++)
                {
                    var expected = Derivative(values, i, step, () => Dot(weights, function.Run(inputs)[0]));
                    Assert.True(
                        Math.Abs(expected - actual[input][i]) <= tolerance * Math.Max(1, Math.Abs(expected)),
                        $"{name}, seed {seed}, input {input}, element {i}: {actual[input][i]}, finite difference {expected}");
                }
            }
        }
    }

    [Fact]
    public void Every_operator_with_a_rule_is_among_the_cases()
    {
        var covered = Cases.SelectMany(example => Build(example, example.Shapes(new(0)), ElementType.Fp64).Operators).ToHashSet();
        Assert.Empty(GradientRules.Operators.Except(covered));
    }

    static (Graph Graph, Node[] Inputs, Node Output, string[] Operators) Build(Case example, int[][] shapes, ElementType precision)
    {
        var graph = new Graph(precision);
        var inputs = shapes.Select((shape, i) => graph.Input($"x{i}", Shape.Of([.. shape]))).ToArray();
        var output = example.Function(inputs);
        return (graph, inputs, output, [.. OperatorsBehind(output).Distinct()]);
    }

    static IEnumerable<string> OperatorsBehind(Node node) =>
        node.Producer is { } producer ? producer.Inputs.SelectMany(OperatorsBehind).Prepend(producer.Type) : [];

    // Five points: the error falls with the fourth power of the step.
    static double Derivative(double[] values, int i, double step, Func<double> function)
    {
        var x = values[i];
        var derivative = (At(-2) - 8 * At(-1) + 8 * At(1) - At(2)) / (12 * step);
        values[i] = x;
        return derivative;

        double At(int steps)
        {
            values[i] = x + steps * step;
            return function();
        }
    }

    static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    static double[] Values(Random random, int count, double low, double high) =>
        [.. Enumerable.Range(0, count).Select(_ => low + (high - low) * random.NextDouble())];

    static int[][] Same(Random random, int count) => [.. Enumerable.Repeat<int[]>([random.Next(1, 4), random.Next(1, 4), random.Next(2, 5)], count)];

    static int[][] Row(Random random) => Same(random, 1) is [var full] ? [full, [full[2]]] : [];

    static int[][] Column(Random random) => Same(random, 1) is [var full] ? [full, [full[0], full[1], 1]] : [];

    static int[][] Outer(Random random) => Same(random, 1) is [var full] ? [[full[0], 1, full[2]], [full[1], 1]] : [];
}
