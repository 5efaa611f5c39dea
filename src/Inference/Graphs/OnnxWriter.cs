using System.Runtime.InteropServices;
using Google.Protobuf;
using ScoringService.Inference.Graphs.Onnx;
using AttributeType = ScoringService.Inference.Graphs.Onnx.AttributeProto.Types.AttributeType;

namespace ScoringService.Inference.Graphs;

/// <summary>Writes the part of a graph that some outputs need as an ONNX model: one of the two interpreters of <see cref="Operator"/>.</summary>
sealed class OnnxWriter
{
    // Opset 20 has Gelu; the runtime reads it from IR version 10 on.
    const int Opset = 20;
    const int IrVersion = 10;

    /// <summary>What padding adds to attention's scores: small enough that its share is zero in single precision.</summary>
    const float Padding = -1e4f;

    readonly GraphProto model = new() { Name = "graph" };
    readonly HashSet<string> constants = [];
    readonly HashSet<Node> declared = [];
    readonly Dictionary<string, string> shared = [];
    readonly Dictionary<string, (Node Input, int Axis)> symbols = [];

    /// <summary>Serializes a model.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="outputs">What a run returns, by name.</param>
    /// <param name="metadata">Texts that travel with the model.</param>
    public static byte[] Write(
        Graph graph, IReadOnlyList<(string Name, Node Node)> outputs, IReadOnlyDictionary<string, string> metadata)
    {
        var writer = new OnnxWriter();
        var operations = Operation.Behind(outputs.Select(output => output.Node)).ToArray();
        var used = operations.SelectMany(operation => operation.Inputs).Concat(outputs.Select(output => output.Node)).ToHashSet();
        writer.Declare(graph, used);
        foreach (var operation in operations)
            writer.Add(operation);
        foreach (var (name, node) in outputs)
        {
            writer.model.Output.Add(Describe(name, node));
            // An output has its own name, so that one value may be returned under several, and an input as it is.
            writer.Emit("Identity", $"output {name}", [node.Name], name);
        }

        var onnx = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "ScoringService",
            Graph = writer.model,
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Opset } },
        };
        onnx.MetadataProps.AddRange(metadata.Select(entry => new StringStringEntryProto { Key = entry.Key, Value = entry.Value }));
        return onnx.ToByteArray();
    }

    void Declare(Graph graph, HashSet<Node> used)
    {
        foreach (var (node, source) in graph.Sources.OrderBy(source => source.Key.Name, StringComparer.Ordinal))
        {
            if (used.Contains(node) && source is not Graph.Source.Input)
                model.Initializer.Add(Initializer(node, source));
        }
        var inputs = graph.Sources.Where(source => source.Value is Graph.Source.Input).Select(source => source.Key);
        // Those that are used come first, so that a size is looked up in one of the others only where there is no other way.
        foreach (var input in inputs.OrderByDescending(used.Contains).ThenBy(input => input.Name, StringComparer.Ordinal))
        {
            if (used.Contains(input))
                Declare(input);
            for (var axis = 0; axis < input.Shape.Count; axis++)
            {
                if (!input.Shape[axis].IsFixed)
                    symbols.TryAdd($"{input.Shape[axis]}", (input, axis));
            }
        }
    }

    void Declare(Node input)
    {
        if (declared.Add(input))
            model.Input.Add(Describe(input.Name, input));
    }

    void Add(Operation operation)
    {
        string[] inputs = [.. operation.Inputs.Select(input => input.Name)];
        switch (operation.Does)
        {
            case Operator.Cast:
                Emit("Cast", operation, inputs, Integer("to", (long)operation.Output.Type));
                break;
            case Operator.Sum sum:
                Emit("ReduceSum", operation, [.. inputs, List([.. sum.Axes.Select(axis => (long)axis)])], Integer("keepdims", 1));
                break;
            case Operator.Reshape:
                Emit("Reshape", operation, [.. inputs, ShapeList(operation.Output.Shape, infer: true)]);
                break;
            case Operator.Expand:
                Emit("Expand", operation, [.. inputs, ShapeList(operation.Output.Shape, infer: false)]);
                break;
            case Operator.Transpose transpose:
                Emit("Transpose", operation, inputs, Integers("perm", [.. transpose.Order.Select(axis => (long)axis)]));
                break;
            case Operator.Gemm gemm:
                Emit("Gemm", operation, inputs, Flag("transA", gemm.TransposeLeft), Flag("transB", gemm.TransposeRight));
                break;
            case Operator.LayerNormalization normalization:
                Emit("LayerNormalization", operation, inputs, Integer("axis", -1), Float("epsilon", normalization.Epsilon));
                break;
            case Operator.Gather:
                Emit("Gather", operation, inputs, Integer("axis", 0));
                break;
            case Operator.Range range:
                var size = Once($"scalar {range.Size}", name => Emit("Reshape", name, [Size(range.Size), List([])], name));
                Emit("Range", operation, [Scalar(0), size, Scalar(1)]);
                break;
            case Operator.SizeOf sizeOf:
                Emit("Identity", operation, [Size(sizeOf.Size)]);
                break;
            case Operator.Attention attention:
                AddAttention(operation, inputs, attention.Heads);
                break;
            default:
                Emit(operation.Does.Name, operation, inputs);
                break;
        }
    }

    // Heads side by side: [batch*tokens, hidden] to [batch, heads, tokens, size], keys with their last axes exchanged.
    void AddAttention(Operation operation, string[] inputs, int heads)
    {
        var hidden = operation.Output.Shape[1].Factor;
        var mask = operation.Inputs[3];
        var split = ShapeList([mask.Shape[0], mask.Shape[1], heads, hidden / heads], infer: true);
        var query = Split("query", inputs[0], [0, 2, 1, 3]);
        var key = Split("key", inputs[1], [0, 2, 3, 1]);
        var value = Split("value", inputs[2], [0, 2, 1, 3]);
        var product = Part("product", "MatMul", [query, key]);
        var scores = Part("scores", "Mul", [product, Number((float)(1 / Math.Sqrt((double)hidden / heads)))]);
        var shares = Part("shares", "Softmax", [Part("padded", "Add", [scores, PaddingOf(mask)])], Integer("axis", -1));
        var attended = Part("attended", "MatMul", [shares, value]);
        var rows = Part("rows", "Transpose", [attended], Integers("perm", [0, 2, 1, 3]));
        Emit("Reshape", operation, [rows, ShapeList(operation.Output.Shape, infer: true)]);

        string Split(string name, string rows, long[] order) =>
            Part(name, "Transpose", [Part($"{name} heads", "Reshape", [rows, split])], Integers("perm", order));

        string Part(string name, string type, string[] inputs, params AttributeProto[] attributes) =>
            Emit(type, $"{operation.Name}/{name}", inputs, $"{operation.Name}/{name}", attributes);
    }

    // (mask − 1) · 10⁴ as [batch, 1, 1, tokens], the same for all layers.
    string PaddingOf(Node mask) => Once($"padding of {mask.Name}", name =>
    {
        var excess = Emit("Sub", $"{name}/excess", [mask.Name, Number(1)], $"{name}/excess");
        var scaled = Emit("Mul", $"{name}/scaled", [excess, Number(-Padding)], $"{name}/scaled");
        return Emit("Reshape", name, [scaled, ShapeList([mask.Shape[0], 1, 1, mask.Shape[1]], infer: true)], name);
    });

    // A shape as the runtime needs it: a list of integers, looked up in the inputs where a size is a symbol; one may be left to it (−1).
    string ShapeList(Shape shape, bool infer)
    {
        var unknown = shape.Count(size => !size.IsFixed);
        if (unknown == 0 || (infer && unknown == 1))
            return List([.. shape.Select(size => size.IsFixed ? size.Factor : -1)]);
        return Once($"{(infer ? "reshape" : "expand")} {shape}", name =>
        {
            var inferred = infer ? shape.Index().MaxBy(size => size.Item.Symbols.Count()).Index : -1;
            string[] parts = [.. shape.Index().Select(size => size.Index == inferred ? List([-1]) : Size(size.Item))];
            return Emit("Concat", name, parts, name, Integer("axis", 0));
        });
    }

    // A size as a list of one integer.
    string Size(Dimension size)
    {
        if (size.IsFixed)
            return List([size.Factor]);
        var factors = size.Symbols.Select(SizeOfSymbol).ToList();
        if (size.Factor != 1)
            factors.Add(List([size.Factor]));
        return factors.Aggregate((left, right) => Once($"{left} times {right}", name => Emit("Mul", name, [left, right], name)));
    }

    string SizeOfSymbol(string symbol) => Once($"size {symbol}", name =>
    {
        var (input, axis) = symbols[symbol];
        Declare(input);
        return Emit("Shape", name, [input.Name], name, Integer("start", axis), Integer("end", axis + 1));
    });

    string Once(string name, Func<string, string> make)
    {
        if (!shared.TryGetValue(name, out var made))
            shared[name] = made = make(name);
        return made;
    }

    string List(long[] values) => Constant($"integers [{string.Join(',', values)}]", ElementType.I64, [values.Length], MemoryMarshal.AsBytes<long>(values));

    string Scalar(long value) => Constant($"integer {value}", ElementType.I64, [], BitConverter.GetBytes(value));

    string Number(float value) => Constant(FormattableString.Invariant($"number {value:R}"), ElementType.Fp32, [], BitConverter.GetBytes(value));

    string Constant(string name, ElementType type, long[] shape, ReadOnlySpan<byte> bytes)
    {
        if (constants.Add(name))
        {
            var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
            tensor.Dims.AddRange(shape);
            model.Initializer.Add(tensor);
        }
        return name;
    }

    string Emit(string type, Operation operation, string[] inputs, params AttributeProto[] attributes) =>
        Emit(type, operation.Name, inputs, operation.Output.Name, attributes);

    string Emit(string type, string name, string[] inputs, string output, params AttributeProto[] attributes)
    {
        var node = new NodeProto { OpType = type, Name = name };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        node.Attribute.AddRange(attributes);
        model.Node.Add(node);
        return output;
    }

    static AttributeProto Flag(string name, bool value) => Integer(name, value ? 1 : 0);

    static AttributeProto Integer(string name, long value) => new() { Name = name, Type = AttributeType.Int, I = value };

    static AttributeProto Float(string name, float value) => new() { Name = name, Type = AttributeType.Float, F = value };

    static AttributeProto Integers(string name, long[] values) => new() { Name = name, Type = AttributeType.Ints, Ints = { values } };

    static ValueInfoProto Describe(string name, Node node)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(node.Shape.Select(size => size.IsFixed
            ? new TensorShapeProto.Types.Dimension { DimValue = size.Factor }
            : new TensorShapeProto.Types.Dimension { DimParam = size.ToString() }));
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)node.Type, Shape = shape } },
        };
    }

    static TensorProto Initializer(Node node, Graph.Source source)
    {
        var tensor = new TensorProto { Name = node.Name, DataType = (int)node.Type };
        tensor.Dims.AddRange(node.Shape.Select(size => size.Factor));
        switch (source)
        {
            case Graph.Source.Numbers numbers:
                tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(numbers.Values));
                break;
            case Graph.Source.Integers integers:
                tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<long>(integers.Values));
                break;
            case Graph.Source.External external:
                tensor.DataLocation = TensorProto.Types.DataLocation.External;
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "location", Value = external.File });
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "offset", Value = $"{external.Offset}" });
                tensor.ExternalData.Add(new StringStringEntryProto { Key = "length", Value = $"{external.Length}" });
                break;
        }
        return tensor;
    }
}
