using System.Collections.Immutable;

namespace ScoringService.Inference.Graphs;

/// <summary>
/// A tensor of a <see cref="Graphs.Graph"/>: a handle with the element type and shape it will have when the graph runs. Its operators add
/// ONNX operators to the graph; operands that do not fit together are refused at once, with the place in the model named.
/// </summary>
public sealed class Node
{
    internal Node(Graph graph, string name, ElementType type, Shape shape, Operation? producer) =>
        (Graph, Name, Type, Shape, Producer) = (graph, name, type, shape, producer);

    /// <summary>The graph it belongs to.</summary>
    public Graph Graph { get; }

    /// <summary>Unique name in the graph.</summary>
    public string Name { get; }

    /// <summary>What it holds.</summary>
    public ElementType Type { get; }

    /// <summary>Its dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The operation that computes it; null for inputs, weights and constants.</summary>
    public Operation? Producer { get; }

    /// <summary>Elementwise sum; shapes broadcast.</summary>
    public static Node operator +(Node a, Node b) => Elementwise("Add", a, b);

    /// <summary>Elementwise difference; shapes broadcast.</summary>
    public static Node operator -(Node a, Node b) => Elementwise("Sub", a, b);

    /// <summary>Elementwise product; shapes broadcast.</summary>
    public static Node operator *(Node a, Node b) => Elementwise("Mul", a, b);

    /// <summary>Elementwise quotient; shapes broadcast.</summary>
    public static Node operator /(Node a, Node b) => Elementwise("Div", a, b);

    /// <summary>Every element plus a number.</summary>
    public static Node operator +(Node a, double b) => a + a.Graph.Constant(b);

    /// <summary>Every element less a number.</summary>
    public static Node operator -(Node a, double b) => a - a.Graph.Constant(b);

    /// <summary>Every element times a number.</summary>
    public static Node operator *(Node a, double b) => a * a.Graph.Constant(b);

    /// <summary>Every element with its sign turned.</summary>
    public static Node operator -(Node a) => a.Map("Neg");

    /// <summary>eˣ.</summary>
    public Node Exp() => Map("Exp");

    /// <summary>The error function, 2/√π ∫₀ˣ e^(−t²) dt.</summary>
    public Node Erf() => Map("Erf");

    /// <summary>The logistic function 1/(1 + e⁻ˣ).</summary>
    public Node Sigmoid() => Map("Sigmoid");

    /// <summary>ln(1 + eˣ), without overflow.</summary>
    public Node Softplus() => Map("Softplus");

    /// <summary>Natural logarithm.</summary>
    public Node Log() => Map("Log");

    /// <summary>max(x, 0).</summary>
    public Node Relu() => Map("Relu");

    /// <summary>−1, 0 or 1.</summary>
    public Node Sign() => Map("Sign");

    /// <summary>The exact GELU, x·Φ(x), as BERT has it.</summary>
    public Node Gelu() => Map("Gelu");

    /// <summary>Softmax over the last axis.</summary>
    public Node Softmax() => Map("Softmax", Attributes(("axis", -1L)));

    /// <summary>Logarithm of the softmax over the last axis, without overflow.</summary>
    public Node LogSoftmax() => Map("LogSoftmax", Attributes(("axis", -1L)));

    /// <summary>The same numbers in the graph's floating-point type.</summary>
    public Node ToFloating() =>
        Type == Graph.Floating ? this : Graph.Add("Cast", [this], Attributes(("to", (long)Graph.Floating)), Graph.Floating, Shape);

    /// <summary>Sum over <paramref name="axes"/> (negative: counted from the end), which stay with size 1.</summary>
    public Node Sum(params ReadOnlySpan<int> axes) => Reduce("ReduceSum", axes);

    /// <summary>Mean over <paramref name="axes"/> (negative: counted from the end), which stay with size 1.</summary>
    public Node Mean(params ReadOnlySpan<int> axes) => Reduce("ReduceMean", axes);

    /// <summary>The same elements in row-major order under another shape; symbols are filled in by the run.</summary>
    public Node Reshape(Shape shape)
    {
        if (shape.Equals(Shape))
            return this;
        if (shape.Size != Shape.Size)
            throw Misfit("Reshape", $"{Shape} has {Shape.Size} elements, {shape} has {shape.Size}");
        return Graph.Add("Reshape", [this, Graph.RuntimeShape(shape, infer: true)], Attributes(), Type, shape);
    }

    /// <summary>Repeats along axes of size 1, and along new outer axes, until it has <paramref name="shape"/>.</summary>
    public Node Expand(Shape shape)
    {
        if (shape.Equals(Shape))
            return this;
        if (!shape.Equals(Shape.Broadcast(Shape, shape)))
            throw Misfit("Expand", $"{Shape} cannot be repeated to {shape}");
        return Graph.Add("Expand", [this, Graph.RuntimeShape(shape, infer: false)], Attributes(), Type, shape);
    }

    /// <summary>The axes in another order: axis i of the result is axis <c>order[i]</c> of this.</summary>
    public Node Transpose(params ReadOnlySpan<int> order)
    {
        var axes = order.ToArray();
        if (!axes.Order().SequenceEqual(Enumerable.Range(0, Shape.Count)))
            throw Misfit("Transpose", $"({string.Join(',', axes)}) does not order the axes of {Shape}");
        return Graph.Add(
            "Transpose", [this], Attributes(("perm", Array.ConvertAll(axes, axis => (long)axis))), Type, [.. axes.Select(axis => Shape[axis])]);
    }

    /// <summary>Matrix product of the last two axes; the axes before them broadcast. Both have at least two axes.</summary>
    public Node MatMul(Node right)
    {
        var outer = Shape.Count < 2 || right.Shape.Count < 2 || Shape[^1] != right.Shape[^2]
            ? null
            : Shape.Broadcast([.. Shape.SkipLast(2)], [.. right.Shape.SkipLast(2)]);
        return outer is null
            ? throw Misfit("MatMul", $"{Shape} times {right.Shape}")
            : Graph.Add("MatMul", [this, right], Attributes(), Type, [.. outer, Shape[^2], right.Shape[^1]]);
    }

    /// <summary>A·B + c of two matrices, either of them transposed first.</summary>
    /// <param name="right">B, or its transpose.</param>
    /// <param name="addend">c, broadcast to the product; null for none.</param>
    /// <param name="transposeLeft">Whether this is A's transpose.</param>
    /// <param name="transposeRight">Whether <paramref name="right"/> is B's transpose.</param>
    public Node Gemm(Node right, Node? addend = null, bool transposeLeft = false, bool transposeRight = false)
    {
        if (Shape.Count != 2 || right.Shape.Count != 2 || Shape[transposeLeft ? 0 : 1] != right.Shape[transposeRight ? 1 : 0])
            throw Misfit("Gemm", $"{Shape}{(transposeLeft ? "ᵀ" : "")} times {right.Shape}{(transposeRight ? "ᵀ" : "")}");
        Shape product = [Shape[transposeLeft ? 1 : 0], right.Shape[transposeRight ? 0 : 1]];
        if (addend is not null && !product.Equals(Shape.Broadcast(product, addend.Shape)))
            throw Misfit("Gemm", $"{addend.Shape} cannot be added to the product {product}");
        return Graph.Add(
            "Gemm", addend is null ? [this, right] : [this, right, addend],
            Attributes(("transA", transposeLeft ? 1L : 0L), ("transB", transposeRight ? 1L : 0L)), Type, product);
    }

    /// <summary>Normalizes the last axis to mean 0 and variance 1, then scales and shifts it.</summary>
    /// <param name="scale">γ, as long as the last axis.</param>
    /// <param name="shift">β, as long as the last axis.</param>
    /// <param name="epsilon">Added to the variance.</param>
    public Node LayerNormalization(Node scale, Node shift, float epsilon)
    {
        Shape width = [Shape[^1]];
        if (!scale.Shape.Equals(width) || !shift.Shape.Equals(width))
            throw Misfit("LayerNormalization", $"{Shape} with scale {scale.Shape} and shift {shift.Shape}; both must be {width}");
        // The runtime keeps mean and 1/σ in single precision, whatever the graph's type.
        Shape statistics = [.. Shape.SkipLast(1), 1];
        return Graph.Add(
            "LayerNormalization", [this, scale, shift], Attributes(("axis", -1L), ("epsilon", epsilon)),
            [(Type, Shape), (ElementType.Fp32, statistics), (ElementType.Fp32, statistics)])[0];
    }

    /// <summary>The rows (positions along the first axis) that <paramref name="indices"/> name; shape: that of the indices, then that of a row.</summary>
    public Node Gather(Node indices)
    {
        if (indices.Type != ElementType.I64)
            throw Misfit("Gather", $"the indices '{indices.Name}' are {indices.Type}, not I64");
        return Graph.Add("Gather", [this, indices], Attributes(("axis", 0L)), Type, [.. indices.Shape, .. Shape.Skip(1)]);
    }

    /// <summary>This, with every row of <paramref name="rows"/> added at the row that <paramref name="indices"/> names; the reverse of <see cref="Gather"/>.</summary>
    public Node ScatterAdd(Node indices, Node rows)
    {
        Shape expected = [.. indices.Shape, .. Shape.Skip(1)];
        if (!rows.Shape.Equals(expected))
            throw Misfit("ScatterND", $"rows {rows.Shape} for indices {indices.Shape} into {Shape}; they must be {expected}");
        return Graph.Add(
            "ScatterND", [this, indices.Reshape([.. indices.Shape, 1]), rows], Attributes(("reduction", "add")), Type, Shape);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";

    static Node Elementwise(string type, Node a, Node b)
    {
        if (a.Type != b.Type)
            throw a.Misfit(type, $"'{a.Name}' is {a.Type}, '{b.Name}' is {b.Type}");
        var shape = Shape.Broadcast(a.Shape, b.Shape)
            ?? throw a.Misfit(type, $"'{a.Name}' {a.Shape} and '{b.Name}' {b.Shape} do not broadcast");
        return a.Graph.Add(type, [a, b], Attributes(), a.Type, shape);
    }

    Node Map(string type) => Map(type, Attributes());

    Node Map(string type, ImmutableDictionary<string, object> attributes) => Graph.Add(type, [this], attributes, Type, Shape);

    Node Reduce(string type, ReadOnlySpan<int> axes)
    {
        var positions = axes.ToArray().Select(Shape.Axis).Order().ToArray();
        if (positions.Length == 0 || positions.Any(axis => axis < 0 || axis >= Shape.Count) || positions.Distinct().Count() < positions.Length)
            throw Misfit(type, $"({string.Join(',', positions)}) are not axes of {Shape}");
        return Graph.Add(
            type, [this, Graph.Integers(Array.ConvertAll(positions, axis => (long)axis))], Attributes(("keepdims", 1L)), Type,
            [.. Shape.Select((size, axis) => positions.Contains(axis) ? 1 : size)]);
    }

    ArgumentException Misfit(string type, string reason) => new($"{Graph.Where(type)}: {reason}.");

    static ImmutableDictionary<string, object> Attributes(params ReadOnlySpan<(string Name, object Value)> attributes)
    {
        var all = ImmutableDictionary.CreateBuilder<string, object>();
        foreach (var (name, value) in attributes)
            all.Add(name, value);
        return all.ToImmutable();
    }
}
