using Google.Protobuf;
using ScoringService.Inference.Graphs.Onnx;

namespace ScoringService.Inference.Graphs;

/// <summary>Writes the part of a graph that some outputs need as an ONNX model.</summary>
static class ModelWriter
{
    // Opset 20 has Gelu; the runtime reads it from IR version 10 on.
    const int Opset = 20;
    const int IrVersion = 10;

    public static byte[] Write(
        IEnumerable<(string Name, Node Node)> outputs, IReadOnlyDictionary<Node, Graph.Source> sources, IReadOnlyDictionary<string, string> metadata)
    {
        var graph = new GraphProto { Name = "graph" };
        var operations = new SortedDictionary<int, Operation>();
        var used = new HashSet<Node>();
        foreach (var (name, node) in outputs)
        {
            Reach(node, operations, used);
            graph.Output.Add(Describe(name, node));
        }

        foreach (var node in used.Where(sources.ContainsKey).OrderBy(node => node.Name, StringComparer.Ordinal))
        {
            if (sources[node] is Graph.Source.Input)
                graph.Input.Add(Describe(node.Name, node));
            else
                graph.Initializer.Add(Initializer(node, sources[node]));
        }
        graph.Node.AddRange(operations.Values.Select(operation => Write(operation, used)));
        // An output has its own name, so that one value may be returned under several, and an input as it is.
        graph.Node.AddRange(outputs.Select(output => new NodeProto
        {
            OpType = "Identity", Name = $"output {output.Name}", Input = { output.Node.Name }, Output = { output.Name },
        }));

        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "ScoringService",
            Graph = graph,
            OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Opset } },
        };
        model.MetadataProps.AddRange(metadata.Select(entry => new StringStringEntryProto { Key = entry.Key, Value = entry.Value }));
        return model.ToByteArray();
    }

    static void Reach(Node node, SortedDictionary<int, Operation> operations, HashSet<Node> used)
    {
        var open = new Stack<Node>([node]);
        while (open.TryPop(out var next))
        {
            if (used.Add(next) && next.Producer is { } producer && operations.TryAdd(producer.Order, producer))
            {
                foreach (var input in producer.Inputs)
                    open.Push(input);
            }
        }
    }

    static NodeProto Write(Operation operation, HashSet<Node> used)
    {
        var node = new NodeProto { OpType = operation.Type, Name = operation.Name };
        node.Input.AddRange(operation.Inputs.Select(input => input.Name));
        // By-products nobody reads are left out, by name or, in the middle, by an empty name.
        var last = operation.Outputs.Length - 1;
        while (last > 0 && !used.Contains(operation.Outputs[last]))
            last--;
        node.Output.AddRange(operation.Outputs.Take(last + 1).Select((output, i) => i == 0 || used.Contains(output) ? output.Name : ""));
        foreach (var (name, value) in operation.Attributes)
            node.Attribute.Add(Attribute(name, value));
        return node;
    }

    static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case long number:
                (attribute.Type, attribute.I) = (AttributeProto.Types.AttributeType.Int, number);
                break;
            case float number:
                (attribute.Type, attribute.F) = (AttributeProto.Types.AttributeType.Float, number);
                break;
            case string text:
                (attribute.Type, attribute.S) = (AttributeProto.Types.AttributeType.String, ByteString.CopyFromUtf8(text));
                break;
            case long[] numbers:
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                attribute.Ints.AddRange(numbers);
                break;
            default:
                throw new ArgumentException($"Attribute '{name}' is a {value.GetType().Name}; ONNX knows integers, floats, strings and lists of integers.");
        }
        return attribute;
    }

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
            case Graph.Source.Embedded embedded:
                tensor.RawData = UnsafeByteOperations.UnsafeWrap(embedded.Bytes);
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
