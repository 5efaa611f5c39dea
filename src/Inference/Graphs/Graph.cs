using System.Globalization;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Graphs;

/// <summary>
/// A computation in the making: inputs, weights and the operators between them. Operators are applied through <see cref="Node"/>, which checks shapes at once.
/// What some outputs need becomes an ONNX model by <see cref="ToModel"/>, or runs on Torch tensors by <see cref="Torch.TorchProgram"/>.
/// </summary>
public sealed class Graph
{
    readonly Dictionary<string, Node> named = [];
    readonly Dictionary<Node, Source> sources = [];
    readonly HashSet<string> symbols = [];
    readonly Stack<string> scopes = [];
    int operations;

    /// <summary>Where operators are being added, e.g. <c>encoder.layer.3/attention</c>; part of every message about them.</summary>
    public string CurrentScope => string.Join('/', scopes.Reverse());

    /// <summary>Where the values of nodes that no operator computes come from.</summary>
    internal IReadOnlyDictionary<Node, Source> Sources => sources;

    /// <summary>Adds the operators made until it is disposed under <paramref name="name"/>.</summary>
    public IDisposable Scope(string name)
    {
        scopes.Push(name);
        return new ScopeEnd(scopes);
    }

    /// <summary>A floating-point tensor that each run supplies: data, or a parameter that is trained.</summary>
    public Node Input(string name, Shape shape) => Input(name, ElementType.Fp32, shape);

    /// <summary>A tensor that each run supplies.</summary>
    public Node Input(string name, ElementType type, Shape shape)
    {
        foreach (var size in shape.Where(size => !size.IsFixed))
            symbols.Add($"{size}");
        return Named(name, type, shape, new Source.Input());
    }

    /// <summary>A weight stored inside the model.</summary>
    public Node Weight(string name, Tensor tensor) => Named(name, ElementType.Fp32, Shape.Of(tensor.Shape), new Source.Numbers(tensor.Values));

    /// <summary>A weight whose bytes lie in another file beside the model; the runtime maps them into memory.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape; all sizes known.</param>
    /// <param name="file">Name of the file, without a directory.</param>
    /// <param name="offset">Where its first byte lies in that file.</param>
    public Node Weight(string name, Shape shape, string file, long offset) =>
        Named(name, ElementType.Fp32, shape, new Source.External(file, offset, shape.Size.Factor * sizeof(float)));

    /// <summary>A floating-point number.</summary>
    public Node Constant(double value)
    {
        var name = $"constant {value.ToString("R", CultureInfo.InvariantCulture)}";
        return named.GetValueOrDefault(name) ?? Named(name, ElementType.Fp32, [], new Source.Numbers([(float)value]));
    }

    /// <summary>A list of integers.</summary>
    public Node Integers(params ReadOnlySpan<long> values)
    {
        var copy = values.ToArray();
        var name = $"constant [{string.Join(',', copy)}]";
        return named.GetValueOrDefault(name) ?? Named(name, ElementType.I64, [copy.Length], new Source.Integers(copy));
    }

    /// <summary>A size as the run knows it: an integer, shape <c>[1]</c>.</summary>
    public Node SizeOf(Dimension size) => Add(new Operator.SizeOf(Known(size, "SizeOf")), [], ElementType.I64, [1]);

    /// <summary>The integers 0, 1, … below <paramref name="size"/>; shape <c>[size]</c>.</summary>
    public Node Range(Dimension size) => Add(new Operator.Range(Known(size, "Range")), [], ElementType.I64, [size]);

    /// <summary>The model that computes <paramref name="outputs"/>, with every operator that they need and no other: a serialized ONNX ModelProto.</summary>
    /// <param name="outputs">What a run returns, by name.</param>
    /// <param name="metadata">Texts that travel with the model.</param>
    public byte[] ToModel(IEnumerable<(string Name, Node Node)> outputs, IReadOnlyDictionary<string, string>? metadata = null) =>
        OnnxWriter.Write(this, [.. outputs], metadata ?? new Dictionary<string, string>());

    internal Node Add(Operator does, ReadOnlySpan<Node> inputs, ElementType element, Shape shape)
    {
        foreach (var input in inputs)
        {
            if (input.Graph != this)
                throw new ArgumentException($"{Where(does.Name)}: '{input.Name}' belongs to another graph.");
        }
        return new Operation(this, operations++, CurrentScope, does, [.. inputs], element, shape).Output;
    }

    /// <summary>A size of which a run knows every symbol.</summary>
    internal Dimension Known(Dimension size, string type)
    {
        var unknown = size.Symbols.FirstOrDefault(symbol => !symbols.Contains(symbol));
        return unknown is null
            ? size
            : throw new ArgumentException($"{Where(type)}: no input of the graph has a dimension '{unknown}', so a run cannot know its size.");
    }

    internal string Where(string type) => scopes.Count == 0 ? type : $"{CurrentScope}: {type}";

    Node Named(string name, ElementType type, Shape shape, Source source)
    {
        var node = new Node(this, name, type, shape, producer: null);
        if (!named.TryAdd(name, node))
            throw new ArgumentException($"The graph already has an input or weight '{name}'.", nameof(name));
        sources[node] = source;
        return node;
    }

    /// <summary>Where the values of a node that no operator computes come from.</summary>
    internal abstract record Source
    {
        public sealed record Input : Source;

        public sealed record Numbers(float[] Values) : Source;

        public sealed record Integers(long[] Values) : Source;

        public sealed record External(string File, long Offset, long Length) : Source;
    }

    sealed class ScopeEnd(Stack<string> scopes) : IDisposable
    {
        public void Dispose() => scopes.Pop();
    }
}
