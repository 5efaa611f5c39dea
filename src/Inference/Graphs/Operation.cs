using System.Collections.Immutable;

namespace ScoringService.Inference.Graphs;

/// <summary>One operator of a graph, applied to its inputs. Immutable; made by the operators of <see cref="Node"/>.</summary>
public sealed class Operation
{
    internal Operation(Graph graph, int order, string scope, Operator does, ImmutableArray<Node> inputs, ElementType type, Shape shape)
    {
        Order = order;
        Does = does;
        Inputs = inputs;
        Name = $"{(scope.Length == 0 ? "" : $"{scope}/")}{does.Name}_{order}";
        Output = new Node(graph, Name, type, shape, this);
    }

    /// <summary>Position in the order of creation; always later than every operation that an input comes from.</summary>
    public int Order { get; }

    /// <summary>What is done.</summary>
    public Operator Does { get; }

    /// <summary>Unique name in the graph: its place in the model, its operator, its number. Profiles and messages show it.</summary>
    public string Name { get; }

    /// <summary>What it reads.</summary>
    public ImmutableArray<Node> Inputs { get; }

    /// <summary>What it computes.</summary>
    public Node Output { get; }

    /// <summary>The operations that some nodes need, each after those that it needs itself.</summary>
    internal static IEnumerable<Operation> Behind(IEnumerable<Node> nodes)
    {
        var found = new SortedDictionary<int, Operation>();
        var open = new Stack<Node>(nodes);
        while (open.TryPop(out var node))
        {
            if (node.Producer is not { } producer || !found.TryAdd(producer.Order, producer))
                continue;
            foreach (var input in producer.Inputs)
                open.Push(input);
        }
        return found.Values;
    }
}
