namespace ScoringService.Inference.Graphs;

/// <summary>
/// A tensor of a <see cref="Graphs.Graph"/>: a handle with the element type and shape it will have when the graph runs. Its operators add
/// operations to the graph; operands that do not fit together are refused at once, with the place in the model named.
/// </summary>
public sealed class Node
{
    internal Node(Graph graph, string name, ElementType type, Shape shape, Operation? producer)
    {
        Graph = graph;
        Name = name;
        Type = type;
        Shape = shape;
        Producer = producer;
    }

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
    public static Node operator +(Node a, Node b) => Elementwise(new Operator.Add(), a, b);

    /// <summary>Elementwise difference; shapes broadcast.</summary>
    public static Node operator -(Node a, Node b) => Elementwise(new Operator.Sub(), a, b);

    /// <summary>Elementwise product; shapes broadcast.</summary>
    public static Node operator *(Node a, Node b) => Elementwise(new Operator.Mul(), a, b);

    /// <summary>Elementwise quotient; shapes broadcast.</summary>
    public static Node operator /(Node a, Node b) => Elementwise(new Operator.Div(), a, b);

    /// <summary>Every element times a number.</summary>
    public static Node operator *(Node a, double b) => a * a.Graph.Constant(b);

    /// <summary>max(x, 0).</summary>
    public Node Relu() => Map(new Operator.Relu());

    /// <summary>The exact GELU, x·Φ(x), as BERT has it.</summary>
    public Node Gelu() => Map(new Operator.Gelu());

    /// <summary>The same numbers as floating-point ones.</summary>
    public Node ToFloating() => Type == ElementType.Fp32 ? this : Graph.Add(new Operator.Cast(), [this], ElementType.Fp32, Shape);

    /// <summary>Sum over <paramref name="axes"/> (negative: counted from the end), which stay with size 1.</summary>
    public Node Sum(params ReadOnlySpan<int> axes)
    {
        int[] positions = [.. axes.ToArray().Select(Shape.Axis).Order()];
        if (positions.Length == 0 || positions.Any(axis => axis < 0 || axis >= Shape.Count) || positions.Distinct().Count() < positions.Length)
            throw Misfit("Sum", $"({string.Join(',', positions)}) are not axes of {Shape}");
        Shape sum = [.. Shape.Select((size, axis) => positions.Contains(axis) ? 1 : size)];
        return Graph.Add(new Operator.Sum([.. positions]), [this], Type, sum);
    }

    /// <summary>The same elements in row-major order under another shape; symbols are filled in by the run.</summary>
    public Node Reshape(Shape shape)
    {
        if (shape.Equals(Shape))
            return this;
        if (shape.Size != Shape.Size)
            throw Misfit("Reshape", $"{Shape} has {Shape.Size} elements, {shape} has {shape.Size}");
        foreach (var size in shape)
            Graph.Known(size, "Reshape");
        return Graph.Add(new Operator.Reshape(), [this], Type, shape);
    }

    /// <summary>Repeats along axes of size 1, and along new outer axes, until it has <paramref name="shape"/>.</summary>
    public Node Expand(Shape shape)
    {
        if (shape.Equals(Shape))
            return this;
        if (!shape.Equals(Shape.Broadcast(Shape, shape)))
            throw Misfit("Expand", $"{Shape} cannot be repeated to {shape}");
        foreach (var size in shape)
            Graph.Known(size, "Expand");
        return Graph.Add(new Operator.Expand(), [this], Type, shape);
    }

    /// <summary>The axes in another order: axis i of the result is axis <c>order[i]</c> of this.</summary>
    public Node Transpose(params ReadOnlySpan<int> order)
    {
        var axes = order.ToArray();
        if (!axes.Order().SequenceEqual(Enumerable.Range(0, Shape.Count)))
            throw Misfit("Transpose", $"({string.Join(',', axes)}) does not order the axes of {Shape}");
        return Graph.Add(new Operator.Transpose([.. axes]), [this], Type, [.. axes.Select(axis => Shape[axis])]);
    }

    /// <summary>Matrix product of the last two axes; the axes before them broadcast. Both have at least two axes.</summary>
    public Node MatMul(Node right)
    {
        var outer = Shape.Count < 2 || right.Shape.Count < 2 || Shape[^1] != right.Shape[^2]
            ? null
            : Shape.Broadcast([.. Shape.SkipLast(2)], [.. right.Shape.SkipLast(2)]);
        return outer is null
            ? throw Misfit("MatMul", $"{Shape} times {right.Shape}")
            : Graph.Add(new Operator.MatMul(), [this, right], Type, [.. outer, Shape[^2], right.Shape[^1]]);
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
        var gemm = new Operator.Gemm(transposeLeft, transposeRight);
        if (addend is null)
            return Graph.Add(gemm, [this, right], Type, product);
        if (!product.Equals(Shape.Broadcast(product, addend.Shape)))
            throw Misfit("Gemm", $"{addend.Shape} cannot be added to the product {product}");
        return Graph.Add(gemm, [this, right, addend], Type, product);
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
        return Graph.Add(new Operator.LayerNormalization(epsilon), [this, scale, shift], Type, Shape);
    }

    /// <summary>Multi-head self-attention with this as the queries, <c>[batch*tokens, hidden]</c>: softmax(QKᵀ/√d)·V, padding left out.</summary>
    /// <param name="key">K, of the same shape.</param>
    /// <param name="value">V, of the same shape.</param>
    /// <param name="mask">1 for a token, 0 for padding; <c>[batch, tokens]</c>.</param>
    /// <param name="heads">Number of heads; divides <c>hidden</c>.</param>
    public Node Attention(Node key, Node value, Node mask, int heads)
    {
        var fits = Shape.Count == 2 && Shape.Equals(key.Shape) && Shape.Equals(value.Shape) && mask.Shape.Count == 2
            && Shape[0] == mask.Shape[0] * mask.Shape[1] && Shape[1].IsFixed && Shape[1].Factor % heads == 0;
        return fits
            ? Graph.Add(new Operator.Attention(heads), [this, key, value, mask], Type, Shape)
            : throw Misfit("Attention", $"queries {Shape}, keys {key.Shape}, values {value.Shape}, mask {mask.Shape}, {heads} heads");
    }

    /// <summary>The rows (positions along the first axis) that <paramref name="indices"/> name; shape: that of the indices, then that of a row.</summary>
    public Node Gather(Node indices)
    {
        if (indices.Type != ElementType.I64)
            throw Misfit("Gather", $"the indices '{indices.Name}' are {indices.Type}, not I64");
        return Graph.Add(new Operator.Gather(), [this, indices], Type, [.. indices.Shape, .. Shape.Skip(1)]);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";

    static Node Elementwise(Operator does, Node a, Node b)
    {
        if (a.Type != b.Type)
            throw a.Misfit(does.Name, $"'{a.Name}' is {a.Type}, '{b.Name}' is {b.Type}");
        var shape = Shape.Broadcast(a.Shape, b.Shape)
            ?? throw a.Misfit(does.Name, $"'{a.Name}' {a.Shape} and '{b.Name}' {b.Shape} do not broadcast");
        return a.Graph.Add(does, [a, b], a.Type, shape);
    }

    Node Map(Operator does) => Graph.Add(does, [this], Type, Shape);

    ArgumentException Misfit(string type, string reason) => new($"{Graph.Where(type)}: {reason}.");
}
