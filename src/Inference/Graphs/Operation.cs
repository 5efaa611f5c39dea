using System.Collections.Immutable;

namespace ScoringService.Inference.Graphs;

/// <summary>One operator of a graph, applied to its inputs. Immutable; made by the operators of <see cref="Node"/>.</summary>
public sealed class Operation
{
    internal Operation(
        Graph graph, int order, string scope, string type, ImmutableArray<Node> inputs, ImmutableDictionary<string, object> attributes,
        IEnumerable<(ElementType Type, Shape Shape)> outputs)
    {
        (Order, Scope, Type, Inputs, Attributes) = (order, scope, type, inputs, attributes);
        Name = $"{(scope.Length == 0 ? "" : $"{scope}/")}{type}_{order}";
        Outputs = [.. outputs.Select((output, i) => new Node(graph, i == 0 ? Name : $"{Name}:{i}", output.Type, output.Shape, this))];
    }

    /// <summary>Position in the order of creation; always later than every operation that an input comes from.</summary>
    public int Order { get; }

    /// <summary>The part of the model it belongs to, e.g. <c>encoder.layer.3/attention</c>.</summary>
    public string Scope { get; }

    /// <summary>Name of the ONNX operator.</summary>
    public string Type { get; }

    /// <summary>Unique name in the graph; profiles and messages of the runtime show it.</summary>
    public string Name { get; }

    /// <summary>What it reads.</summary>
    public ImmutableArray<Node> Inputs { get; }

    /// <summary>What it computes; the first is the operator's result, others are by-products such as the statistics of a normalization.</summary>
    public ImmutableArray<Node> Outputs { get; }

    internal ImmutableDictionary<string, object> Attributes { get; }

    /// <summary>The value of an attribute that the operator was made with.</summary>
    public T Attribute<T>(string name) => (T)Attributes[name];
}
