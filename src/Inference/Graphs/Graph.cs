using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Graphs;

/// <summary>
/// A computation in the making: inputs, weights and the operators between them. Operators are applied through <see cref="Node"/>, which checks
/// shapes at once; <see cref="ToModel"/> turns what some outputs need into an ONNX model.
/// </summary>
/// <param name="floating">Element type of everything that is not an integer.</param>
public sealed class Graph(ElementType floating = ElementType.Fp32)
{
    readonly Dictionary<string, Node> named = [];
    readonly Dictionary<string, Node> constants = [];
    readonly Dictionary<Node, Source> sources = [];
    readonly Dictionary<string, Node> sizes = [];
    readonly Stack<string> scopes = [];
    int operations;

    /// <summary>Element type of everything that is not an integer.</summary>
    public ElementType Floating { get; } = floating;

    /// <summary>Where operators are being added, e.g. <c>encoder.layer.3/attention</c>; part of every message about them.</summary>
    public string CurrentScope => string.Join('/', scopes.Reverse());

    /// <summary>Adds the operators made until it is disposed under <paramref name="name"/>.</summary>
    public IDisposable Scope(string name)
    {
        scopes.Push(name);
        return new ScopeEnd(scopes);
    }

    /// <summary>A floating-point tensor that each run supplies: data, or a parameter that is trained.</summary>
    public Node Input(string name, Shape shape) => Input(name, Floating, shape);

    /// <summary>A tensor that each run supplies.</summary>
    public Node Input(string name, ElementType type, Shape shape)
    {
        var node = Named(name, type, shape, new Source.Input());
        for (var axis = 0; axis < shape.Count; axis++)
        {
            if (!shape[axis].IsFixed && !sizes.ContainsKey($"{shape[axis]}"))
            {
                var attributes = ImmutableDictionary<string, object>.Empty.Add("start", (long)axis).Add("end", axis + 1L);
                sizes[$"{shape[axis]}"] = Add("Shape", [node], attributes, ElementType.I64, [1]);
            }
        }
        return node;
    }

    /// <summary>A weight stored inside the model, in the graph's floating-point type.</summary>
    public Node Weight(string name, Tensor tensor) =>
        Named(name, Floating, Shape.Of(tensor.Shape), new Source.Embedded(Bytes(tensor.Values)));

    /// <summary>A weight of the graph's type whose bytes lie in another file beside the model; the runtime maps them into memory.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape; all sizes known.</param>
    /// <param name="file">Name of the file, without a directory.</param>
    /// <param name="offset">Where its first byte lies in that file.</param>
    public Node Weight(string name, Shape shape, string file, long offset) =>
        Named(name, Floating, shape, new Source.External(file, offset, shape.Size.Factor * (Floating == ElementType.Fp64 ? 8 : 4)));

    /// <summary>A floating-point number.</summary>
    public Node Constant(double value) =>
        Constant($"constant {value.ToString("R", CultureInfo.InvariantCulture)}", Floating, [], () => Bytes([value]));

    /// <summary>A list of integers.</summary>
    public Node Integers(params ReadOnlySpan<long> values)
    {
        var copy = values.ToArray();
        return Constant($"constant [{string.Join(',', copy)}]", ElementType.I64, [copy.Length], () => MemoryMarshal.AsBytes<long>(copy).ToArray());
    }

    /// <summary>A size as the run knows it: an integer, shape <c>[1]</c>.</summary>
    public Node SizeOf(Dimension size)
    {
        if (size.IsFixed)
            return Integers([size.Factor]);
        var factors = size.Symbols.Select(symbol => sizes.TryGetValue(symbol, out var known)
            ? known
            : throw new ArgumentException($"{Where("Shape")}: no input of the graph has a dimension '{symbol}', so a run cannot know its size."));
        return factors.Concat(size.Factor == 1 ? [] : [Integers([size.Factor])]).Aggregate((a, b) => a * b);
    }

    /// <summary>The integers 0, 1, … below <paramref name="size"/>; shape <c>[size]</c>.</summary>
    public Node Range(Dimension size) =>
        Add("Range", [Scalar(0), SizeOf(size).Reshape([]), Scalar(1)], ImmutableDictionary<string, object>.Empty, ElementType.I64, [size]);

    /// <summary>Zeros of the graph's floating-point type.</summary>
    public Node Zeros(Shape shape) => Constant(0.0).Expand(shape);

    /// <summary>The model that computes <paramref name="outputs"/>, with every operator that they need and no other: a serialized ONNX ModelProto.</summary>
    /// <param name="outputs">What a run returns, by name.</param>
    /// <param name="metadata">Texts that travel with the model.</param>
    public byte[] ToModel(IEnumerable<(string Name, Node Node)> outputs, IReadOnlyDictionary<string, string>? metadata = null) =>
        ModelWriter.Write(outputs, sources, metadata ?? ImmutableDictionary<string, string>.Empty);

    internal Node Add(string type, ImmutableArray<Node> inputs, ImmutableDictionary<string, object> attributes, ElementType element, Shape shape) =>
        Add(type, inputs, attributes, [(element, shape)])[0];

    internal ImmutableArray<Node> Add(
        string type, ImmutableArray<Node> inputs, ImmutableDictionary<string, object> attributes,
        IEnumerable<(ElementType Type, Shape Shape)> outputs)
    {
        if (inputs.FirstOrDefault(input => input.Graph != this) is { } foreign)
            throw new ArgumentException($"{Where(type)}: '{foreign.Name}' belongs to another graph.");
        return new Operation(this, operations++, CurrentScope, type, inputs, attributes, outputs).Outputs;
    }

    /// <summary>A shape as the runtime needs it: a list of integers, looked up in the inputs where a size is a symbol.</summary>
    /// <param name="shape">The shape.</param>
    /// <param name="infer">Whether one unknown size may be left for the runtime to infer (−1).</param>
    internal Node RuntimeShape(Shape shape, bool infer)
    {
        var inferred = infer && shape.Any(size => !size.IsFixed) ? shape.MaxBy(size => size.Symbols.Count()) : default(Dimension?);
        if (inferred is not null && shape.Count(size => !size.IsFixed) == 1)
            return Integers([.. shape.Select(size => size.IsFixed ? size.Factor : -1)]);
        if (shape.All(size => size.IsFixed))
            return Integers([.. shape.Select(size => size.Factor)]);

        var key = $"{(infer ? "reshape" : "expand")} {shape}";
        if (!sizes.TryGetValue(key, out var known))
        {
            var left = inferred;
            var parts = shape.Select(size =>
            {
                if (size != left)
                    return SizeOf(size);
                left = null;
                return Integers([-1]);
            });
            sizes[key] = known = Add(
                "Concat", [.. parts], ImmutableDictionary<string, object>.Empty.Add("axis", 0L), ElementType.I64, [shape.Count]);
        }
        return known;
    }

    internal string Where(string type) => scopes.Count == 0 ? type : $"{CurrentScope}: {type}";

    Node Scalar(long value) =>
        Constant($"constant {value}L", ElementType.I64, [], () => BitConverter.GetBytes(value));

    Node Constant(string name, ElementType type, Shape shape, Func<byte[]> bytes)
    {
        if (!constants.TryGetValue(name, out var node))
            constants[name] = node = Named(name, type, shape, new Source.Embedded(bytes()));
        return node;
    }

    Node Named(string name, ElementType type, Shape shape, Source source)
    {
        var node = new Node(this, name, type, shape, producer: null);
        if (!named.TryAdd(name, node))
            throw new ArgumentException($"The graph already has an input or weight '{name}'.", nameof(name));
        sources[node] = source;
        return node;
    }

    byte[] Bytes(ReadOnlySpan<float> values)
    {
        if (Floating == ElementType.Fp32)
            return MemoryMarshal.AsBytes(values).ToArray();
        var wide = new double[values.Length];
        System.Numerics.Tensors.TensorPrimitives.ConvertChecked<float, double>(values, wide);
        return Bytes(wide);
    }

    byte[] Bytes(double[] values) => Floating == ElementType.Fp64
        ? MemoryMarshal.AsBytes<double>(values).ToArray()
        : MemoryMarshal.AsBytes<float>(Array.ConvertAll(values, value => (float)value)).ToArray();

    /// <summary>Where the values of a node that no operator computes come from.</summary>
    internal abstract record Source
    {
        public sealed record Input : Source;

        public sealed record Embedded(byte[] Bytes) : Source;

        public sealed record External(string File, long Offset, long Length) : Source;
    }

    sealed class ScopeEnd(Stack<string> scopes) : IDisposable
    {
        public void Dispose() => scopes.Pop();
    }
}
