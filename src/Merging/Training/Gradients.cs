using ScoringService.Inference.Graphs;

namespace ScoringService.Merging.Training;

/// <summary>Reverse-mode differentiation of graphs: adds to a graph the operators that compute the gradient of one of its nodes.</summary>
public static class Gradients
{
    /// <summary>The gradients of a scalar, one for each of <paramref name="parameters"/>, in the same graph.</summary>
    /// <param name="loss">What is differentiated; a single element.</param>
    /// <param name="parameters">With respect to what: inputs, or anything computed on the way to the loss.</param>
    /// <exception cref="ArgumentException">The loss has more than one element, or does not depend on a parameter.</exception>
    /// <exception cref="NotSupportedException">An operator between a parameter and the loss has no rule.</exception>
    public static IReadOnlyList<Node> Of(Node loss, IReadOnlyList<Node> parameters)
    {
        if (loss.Shape.Size != 1)
            throw new ArgumentException($"Only a single number has a gradient; '{loss.Name}' is {loss.Shape}.", nameof(loss));

        var path = OperationsBetween(parameters, loss);
        var gradients = new Dictionary<Node, Node> { [loss] = loss.Graph.Constant(1.0).Expand(loss.Shape) };
        foreach (var operation in path.Operations)
        {
            // Only an operator's first output carries gradient; the others are by-products for the rules' own use.
            if (!gradients.TryGetValue(operation.Outputs[0], out var incoming))
                continue;
            using var scope = loss.Graph.Scope(operation.Scope.Length == 0 ? "gradient" : $"gradient/{operation.Scope}");
            var contributions = GradientRules.For(operation)(operation, incoming);
            foreach (var (input, contribution) in operation.Inputs.Zip(contributions))
            {
                if (!path.Nodes.Contains(input))
                    continue;
                var summed = SumTo(contribution, input.Shape);
                gradients[input] = gradients.TryGetValue(input, out var sofar) ? sofar + summed : summed;
            }
        }

        return [.. parameters.Select(parameter => gradients.TryGetValue(parameter, out var gradient)
            ? gradient
            : throw new ArgumentException($"The loss '{loss.Name}' does not depend on '{parameter.Name}'.", nameof(parameters)))];
    }

    // What depends on a parameter and leads to the loss; operations last first.
    static (IReadOnlyList<Operation> Operations, HashSet<Node> Nodes) OperationsBetween(IReadOnlyList<Node> parameters, Node loss)
    {
        var behind = new SortedDictionary<int, Operation>();
        var open = new Stack<Node>([loss]);
        while (open.TryPop(out var node))
        {
            if (node.Producer is { } producer && behind.TryAdd(producer.Order, producer))
            {
                foreach (var input in producer.Inputs)
                    open.Push(input);
            }
        }

        var dependent = new HashSet<Node>(parameters);
        var operations = new List<Operation>();
        foreach (var operation in behind.Values)
        {
            // Integers (ids, shapes) have no gradient.
            if (operation.Outputs[0].Type != ElementType.I64 && operation.Inputs.Any(dependent.Contains))
            {
                dependent.UnionWith(operation.Outputs);
                operations.Add(operation);
            }
        }
        operations.Reverse();
        return (operations, dependent);
    }

    // Where an input was repeated to fit the other, its gradient is the sum over the repetitions.
    static Node SumTo(Node gradient, Shape shape)
    {
        var added = gradient.Shape.Count - shape.Count;
        int[] repeated = [.. Enumerable.Range(0, gradient.Shape.Count)
            .Where(axis => gradient.Shape[axis] != 1 && (axis < added || shape[axis - added] == 1))];
        return (repeated.Length == 0 ? gradient : gradient.Sum(repeated)).Reshape(shape);
    }
}
