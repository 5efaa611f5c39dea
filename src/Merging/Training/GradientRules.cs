using System.Collections.Frozen;
using ScoringService.Inference.Graphs;

namespace ScoringService.Merging.Training;

/// <summary>
/// For each operator, how the gradient of its output (g) becomes gradients of its inputs. A rule may return the gradient as if no input had been
/// repeated to fit another; <see cref="Gradients"/> sums the repetitions. Integer inputs get none.
/// </summary>
static class GradientRules
{
    public delegate IReadOnlyList<Node> Rule(Operation operation, Node g);

    static readonly FrozenDictionary<string, Rule> Rules = new Dictionary<string, Rule>
    {
        ["Add"] = (_, g) => [g, g],
        ["Sub"] = (_, g) => [g, -g],
        ["Mul"] = (op, g) => [g * op.Inputs[1], g * op.Inputs[0]],
        ["Div"] = Div,
        ["Neg"] = (_, g) => [-g],
        ["Exp"] = (op, g) => [g * op.Outputs[0]],
        ["Erf"] = (op, g) => [g * (-(op.Inputs[0] * op.Inputs[0])).Exp() * (2 / Math.Sqrt(Math.PI))],
        ["Sigmoid"] = (op, g) => [g * (op.Outputs[0] - op.Outputs[0] * op.Outputs[0])],
        ["Softplus"] = (op, g) => [g * op.Inputs[0].Sigmoid()],
        ["Gelu"] = Gelu,
        ["Log"] = (op, g) => [g / op.Inputs[0]],
        ["Relu"] = (op, g) => [g * op.Outputs[0].Sign()],
        ["Softmax"] = Softmax,
        ["LogSoftmax"] = (op, g) => [g - op.Outputs[0].Exp() * g.Sum(-1)],
        ["Reshape"] = (op, g) => [g.Reshape(op.Inputs[0].Shape)],
        ["Expand"] = (_, g) => [g],
        ["Transpose"] = (op, g) => [g.Transpose(Inverse(op.Attribute<long[]>("perm")))],
        ["ReduceSum"] = (op, g) => [g.Expand(op.Inputs[0].Shape)],
        ["ReduceMean"] = (op, g) => [(g / Repetitions(op)).Expand(op.Inputs[0].Shape)],
        ["MatMul"] = (op, g) => [g.MatMul(TransposeLast(op.Inputs[1])), TransposeLast(op.Inputs[0]).MatMul(g)],
        ["Gemm"] = Gemm,
        ["Gather"] = (op, g) => [op.Inputs[0].Graph.Zeros(op.Inputs[0].Shape).ScatterAdd(op.Inputs[1], g)],
        ["LayerNormalization"] = LayerNormalization,
    }.ToFrozenDictionary();

    /// <summary>The operators that have a rule.</summary>
    public static IEnumerable<string> Operators => Rules.Keys;

    /// <summary>The rule of an operator.</summary>
    public static Rule For(Operation operation) => Rules.TryGetValue(operation.Type, out var rule)
        ? rule
        : throw new NotSupportedException($"{operation.Name}: {operation.Type} has no gradient rule.");

    static IReadOnlyList<Node> Div(Operation op, Node g)
    {
        var numerator = g / op.Inputs[1];
        return [numerator, -(numerator * op.Outputs[0])];
    }

    // d/dx x·Φ(x) = Φ(x) + x·φ(x). With u = x/√2, Φ = (1 + erf u)/2 and x·φ = u·e^(−u²)/√π.
    static IReadOnlyList<Node> Gelu(Operation op, Node g)
    {
        var u = op.Inputs[0] * (1 / Math.Sqrt(2));
        var normal = u.Erf() * .5 + .5;
        return [g * (normal + u * (-(u * u)).Exp() * (1 / Math.Sqrt(Math.PI)))];
    }

    static IReadOnlyList<Node> Softmax(Operation op, Node g)
    {
        var weighted = g * op.Outputs[0];
        return [weighted - op.Outputs[0] * weighted.Sum(-1)];
    }

    static IReadOnlyList<Node> Gemm(Operation op, Node g)
    {
        var (a, b) = (op.Inputs[0], op.Inputs[1]);
        var (transposeA, transposeB) = (op.Attribute<long>("transA") == 1, op.Attribute<long>("transB") == 1);
        return
        [
            transposeA ? b.Gemm(g, transposeLeft: transposeB, transposeRight: true) : g.Gemm(b, transposeRight: !transposeB),
            transposeB ? g.Gemm(a, transposeLeft: true, transposeRight: transposeA) : a.Gemm(g, transposeLeft: !transposeA),
            g,
        ];
    }

    // With x̂ = (x − μ)/σ: dx = (d − mean d − x̂·mean(d·x̂))/σ where d = g·γ.
    static IReadOnlyList<Node> LayerNormalization(Operation op, Node g)
    {
        var (x, scale) = (op.Inputs[0], op.Inputs[1]);
        var (mean, inverseDeviation) = (op.Outputs[1].ToFloating(), op.Outputs[2].ToFloating());
        var normalized = (x - mean) * inverseDeviation;
        var d = g * scale;
        var dx = (d - d.Mean(-1) - normalized * (d * normalized).Mean(-1)) * inverseDeviation;
        return [dx, g * normalized, g];
    }

    static Node Repetitions(Operation op)
    {
        var (full, reduced) = (op.Inputs[0].Shape, op.Outputs[0].Shape);
        var repeated = Enumerable.Range(0, full.Count).Where(axis => full[axis] != reduced[axis])
            .Aggregate((Dimension)1, (size, axis) => size * full[axis]);
        var graph = op.Inputs[0].Graph;
        return repeated.IsFixed ? graph.Constant(repeated.Factor) : graph.SizeOf(repeated).ToFloating();
    }

    static Node TransposeLast(Node x)
    {
        int[] order = [.. Enumerable.Range(0, x.Shape.Count)];
        (order[^1], order[^2]) = (order[^2], order[^1]);
        return x.Transpose(order);
    }

    static int[] Inverse(long[] order)
    {
        var inverse = new int[order.Length];
        for (var axis = 0; axis < order.Length; axis++)
            inverse[order[axis]] = axis;
        return inverse;
    }
}
