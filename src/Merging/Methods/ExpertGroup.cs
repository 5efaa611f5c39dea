using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Methods;

/// <summary>Changes a part of an item's task vector in place.</summary>
/// <param name="item">Id of the item.</param>
/// <param name="tensor">Name of the tensor.</param>
/// <param name="start">Position in the tensor of the part's first value.</param>
/// <param name="changes">The part.</param>
delegate void TaskVectorChange(string item, string tensor, int start, Span<float> changes);

/// <summary>What a merge method sees of one group: the reference model θ₀ and the group's models θᵢ, read slice by slice.</summary>
public sealed class ExpertGroup
{
    readonly string referenceName;
    readonly ITensorStore reference;
    readonly ImmutableArray<ITensorStore> experts;
    readonly int threads;
    readonly TaskVectorChange? change;

    /// <param name="items">Ids of the group's items.</param>
    /// <param name="referenceName">What the reference is called in messages.</param>
    /// <param name="reference">The model that task vectors are relative to.</param>
    /// <param name="experts">The models of the items, with the same tensors as the reference.</param>
    /// <param name="threads">Slices of a tensor that are worked on at once.</param>
    /// <param name="change">What is done to task vectors before a method sees them; null for nothing.</param>
    internal ExpertGroup(
        ImmutableArray<string> items, string referenceName, ITensorStore reference, ImmutableArray<ITensorStore> experts, int threads,
        TaskVectorChange? change = null)
    {
        (Items, this.referenceName, this.reference, this.experts, this.threads, this.change) =
            (items, referenceName, reference, experts, threads, change);
        Tensors = [.. reference.Shapes.Keys.Order(StringComparer.Ordinal)];
    }

    /// <summary>Ids of the items, one for each model; at least two.</summary>
    public ImmutableArray<string> Items { get; }

    /// <summary>Names of the tensors of every model, sorted.</summary>
    public ImmutableArray<string> Tensors { get; }

    /// <summary>Number of values of a tensor.</summary>
    public int Length(string tensor) => reference.Shapes[tensor].Aggregate(1, (length, size) => length * size);

    /// <summary>A tensor in all models.</summary>
    public ExpertTensor Tensor(string tensor) =>
        new(tensor, Length(tensor), Items, referenceName, reference, experts, threads, change);

    /// <summary>The same group with other task vectors, computed part by part each time they are read.</summary>
    internal ExpertGroup With(TaskVectorChange taskVectors) => new(Items, referenceName, reference, experts, threads, taskVectors);
}
