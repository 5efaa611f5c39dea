using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Methods;

/// <summary>What a merge method sees of one group: the reference model θ₀ and the group's models θᵢ, tensor by tensor.</summary>
public sealed class ExpertGroup
{
    readonly Func<int, string, float[]> values;

    /// <param name="items">Ids of the group's items.</param>
    /// <param name="reference">The model that task vectors are relative to.</param>
    /// <param name="values">Values of a tensor, by its name, in the model at a position of <paramref name="items"/>.</param>
    internal ExpertGroup(ImmutableArray<string> items, IReadOnlyDictionary<string, Tensor> reference, Func<int, string, float[]> values)
    {
        (Items, Reference, this.values) = (items, reference, values);
        Tensors = [.. reference.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>Ids of the items, one for each model; at least two.</summary>
    public ImmutableArray<string> Items { get; }

    /// <summary>The model θ₀ that task vectors are relative to, by tensor name.</summary>
    public IReadOnlyDictionary<string, Tensor> Reference { get; }

    /// <summary>Names of the tensors of every model, sorted.</summary>
    public ImmutableArray<string> Tensors { get; }

    /// <summary>Values of a tensor in one model.</summary>
    /// <param name="expert">Position of the model in <see cref="Items"/>.</param>
    /// <param name="tensor">Name of the tensor.</param>
    public float[] Values(int expert, string tensor) => values(expert, tensor);

    /// <summary>Values of a tensor in each model, in the order of <see cref="Items"/>.</summary>
    public float[][] Values(string tensor) => [.. Enumerable.Range(0, Items.Length).Select(expert => values(expert, tensor))];

    /// <summary>The group whose models are changed by a function; they are computed tensor by tensor, each time they are read.</summary>
    /// <param name="change">From item id, tensor name, values in the reference and in the model to values as long.</param>
    internal ExpertGroup Select(Func<string, string, float[], float[], float[]> change) =>
        new(Items, Reference, (expert, tensor) => change(Items[expert], tensor, Reference[tensor].Values, values(expert, tensor)));
}
