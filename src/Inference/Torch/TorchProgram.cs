using System.Collections.Immutable;
using ScoringService.Inference.Graphs;
using TorchSharp;
using static TorchSharp.torch.nn;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Inference.Torch;

/// <summary>
/// Computes outputs of a graph on Torch tensors, with autograd where a tensor asks for it: one of the two interpreters of <see cref="Operator"/>. Safe to run
/// from several threads at once.
/// </summary>
public sealed class TorchProgram : IDisposable
{
    readonly ImmutableArray<Step> steps;
    readonly ImmutableArray<(Node Node, int Slot)> inputs;
    readonly ImmutableArray<(TorchTensor Value, int Slot)> constants;
    readonly ImmutableArray<int> outputs;
    readonly int slots;

    /// <summary>Orders the operations that some outputs need.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="outputs">What a run returns.</param>
    /// <exception cref="PlatformNotSupportedException">libtorch cannot be loaded.</exception>
    public TorchProgram(Graph graph, IReadOnlyList<Node> outputs)
    {
        Libtorch.Load();
        var slotOf = new Dictionary<Node, int>();
        var operations = Operation.Behind(outputs).ToArray();
        var lastUse = new Dictionary<Node, Operation>();
        foreach (var operation in operations)
        {
            foreach (var input in operation.Inputs)
                lastUse[input] = operation;
        }
        this.outputs = [.. outputs.Select(SlotOf)];
        steps = [.. operations.Select(operation => new Step(
            operation.Does, operation.Output.Shape, [.. operation.Inputs.Select(SlotOf)], SlotOf(operation.Output),
            [.. operation.Inputs.Distinct().Where(input => IsLast(input, operation)).Select(SlotOf)]))];
        foreach (var input in InputsOfSizes(graph, operations, slotOf.Keys))
            SlotOf(input);
        var given = slotOf.Keys.Where(node => node.Producer is null).ToArray();
        inputs = [.. given.Where(node => graph.Sources[node] is Graph.Source.Input).Select(node => (node, slotOf[node]))];
        constants = [.. given.Where(node => graph.Sources[node] is not Graph.Source.Input).Select(node => (Constant(graph, node), slotOf[node]))];
        slots = slotOf.Count;

        int SlotOf(Node node)
        {
            if (!slotOf.TryGetValue(node, out var slot))
                slotOf[node] = slot = slotOf.Count;
            return slot;
        }

        // What a run is given, or returns, is not its own to free.
        bool IsLast(Node node, Operation operation) => node.Producer is not null && lastUse[node] == operation && !outputs.Contains(node);
    }

    /// <summary>Names of the tensors that a run is given.</summary>
    public IEnumerable<string> Inputs => inputs.Select(input => input.Node.Name);

    /// <summary>Computes the outputs; they belong to the caller's dispose scope.</summary>
    /// <param name="valueOf">The tensor of an input, by its name; it stays the caller's.</param>
    public TorchTensor[] Run(Func<string, TorchTensor> valueOf)
    {
        using var scope = Libtorch.Scope();
        var values = new TorchTensor[slots];
        var run = new Sizes();
        foreach (var (node, slot) in inputs)
        {
            values[slot] = valueOf(node.Name);
            run.Learn(node.Shape, values[slot]);
        }
        foreach (var (value, slot) in constants)
            values[slot] = value;
        foreach (var step in steps)
        {
            values[step.Output] = Compute(step, values, run);
            foreach (var slot in step.Dead)
                values[slot].Dispose();
        }
        return [.. outputs.Select(slot => values[slot].MoveToOuterDisposeScope())];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (value, _) in constants)
            value.Dispose();
    }

    // Inputs that nobody reads, but which tell the size of a symbol.
    static IEnumerable<Node> InputsOfSizes(Graph graph, IEnumerable<Operation> operations, IEnumerable<Node> used)
    {
        var known = used.Where(node => node.Producer is null).SelectMany(node => node.Shape.Select(size => $"{size}")).ToHashSet();
        foreach (var symbol in operations.SelectMany(operation => operation.Output.Shape.SelectMany(size => size.Symbols)))
        {
            if (known.Add(symbol))
                yield return graph.Sources.Keys.First(node => node.Shape.Any(size => $"{size}" == symbol));
        }
    }

    static TorchTensor Compute(Step step, TorchTensor[] values, Sizes sizes)
    {
        var x = step.Inputs.IsEmpty ? null! : values[step.Inputs[0]];
        return step.Does switch
        {
            Operator.Add => x + Second(),
            Operator.Sub => x - Second(),
            Operator.Mul => x * Second(),
            Operator.Div => x / Second(),
            Operator.Relu => functional.relu(x),
            Operator.Gelu => functional.gelu(x),
            Operator.Cast => x.to_type(torch.ScalarType.Float32),
            Operator.Sum sum => x.sum([.. sum.Axes.Select(axis => (long)axis)], keepdim: true),
            Operator.Reshape => x.reshape(sizes.Of(step.Shape)),
            Operator.Expand => x.expand(sizes.Of(step.Shape)),
            Operator.Transpose transpose => x.permute([.. transpose.Order.Select(axis => (long)axis)]),
            Operator.MatMul => x.matmul(Second()),
            Operator.Gemm gemm => Gemm(gemm, x, Second(), step.Inputs.Length == 3 ? values[step.Inputs[2]] : null),
            Operator.LayerNormalization norm => functional.layer_norm(x, [x.shape[^1]], Second(), values[step.Inputs[2]], norm.Epsilon),
            Operator.Gather => x.index_select(0, Second().flatten()).reshape(sizes.Of(step.Shape)),
            Operator.Range range => Integers([.. Enumerable.Range(0, (int)sizes.Of(range.Size)).Select(value => (long)value)]),
            Operator.SizeOf size => Integers([sizes.Of(size.Size)]),
            Operator.Attention attention => Attention(x, Second(), values[step.Inputs[2]], values[step.Inputs[3]], attention.Heads, sizes),
            _ => throw new NotSupportedException($"{step.Does.Name} is not known to the Torch interpreter."),
        };

        TorchTensor Second() => values[step.Inputs[1]];
    }

    static TorchTensor Integers(long[] values) => TorchMemory.Copy(values, values.Length);

    static TorchTensor Gemm(Operator.Gemm gemm, TorchTensor left, TorchTensor right, TorchTensor? addend)
    {
        if (gemm is { TransposeLeft: false, TransposeRight: true } && addend is null or { Dimensions: 1 })
            return functional.linear(left, right, addend);
        var (a, b) = (gemm.TransposeLeft ? left.t() : left, gemm.TransposeRight ? right.t() : right);
        return addend is null ? a.mm(b) : torch.addmm(addend, a, b, 1, 1);
    }

    static TorchTensor Attention(TorchTensor query, TorchTensor key, TorchTensor value, TorchTensor mask, int heads, Sizes sizes)
    {
        var (batch, tokens, hidden) = (mask.shape[0], mask.shape[1], query.shape[1]);
        var attended = functional.scaled_dot_product_attention(Split(query), Split(key), Split(value), sizes.AttentionMask(mask));
        return attended.transpose(1, 2).reshape(batch * tokens, hidden);

        TorchTensor Split(TorchTensor rows) => rows.view(batch, tokens, heads, hidden / heads).transpose(1, 2);
    }

    static TorchTensor Constant(Graph graph, Node node)
    {
        long[] shape = [.. node.Shape.Select(size => size.Factor)];
        return graph.Sources[node] switch
        {
            Graph.Source.Numbers numbers => TorchMemory.Copy(numbers.Values, shape).DetachFromDisposeScope(),
            Graph.Source.Integers integers => TorchMemory.Copy(integers.Values, shape).DetachFromDisposeScope(),
            _ => throw new NotSupportedException($"'{node.Name}' lies in a file: only a graph that is exported has such weights."),
        };
    }

    /// <summary>An operation with places in place of nodes.</summary>
    /// <param name="Does">What is done.</param>
    /// <param name="Shape">Shape of the output.</param>
    /// <param name="Inputs">What it reads.</param>
    /// <param name="Output">Where its output goes.</param>
    /// <param name="Dead">What nobody reads afterwards.</param>
    sealed record Step(Operator Does, Shape Shape, ImmutableArray<int> Inputs, int Output, ImmutableArray<int> Dead);

    /// <summary>What one run knows: how large symbols are, and which tokens attention may look at.</summary>
    sealed class Sizes
    {
        readonly Dictionary<string, long> symbols = [];
        TorchTensor? mask;
        TorchTensor? padding;

        public void Learn(Shape shape, TorchTensor value)
        {
            for (var axis = 0; axis < shape.Count; axis++)
            {
                if (!shape[axis].IsFixed)
                    symbols[$"{shape[axis]}"] = value.shape[axis];
            }
        }

        public long Of(Dimension size) => size.IsFixed ? size.Factor : size.Symbols.Aggregate(size.Factor, (product, symbol) => product * symbols[symbol]);

        public long[] Of(Shape shape) => [.. shape.Select(Of)];

        /// <summary>True where a token may be looked at, <c>[batch, 1, tokens, tokens]</c>; null where nothing is padded.</summary>
        public TorchTensor? AttentionMask(TorchTensor of)
        {
            if (!ReferenceEquals(mask, of))
            {
                mask = of;
                padding = of.Floats().Contains(0) ? of.to_type(torch.ScalarType.Bool).view(of.shape[0], 1, 1, of.shape[1]) : null;
            }
            return padding?.expand(mask.shape[0], 1, mask.shape[1], mask.shape[1]);
        }
    }
}
