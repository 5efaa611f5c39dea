using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Methods;

/// <summary>Work on one slice of a tensor.</summary>
/// <param name="slice">The slice, read from every model as it is asked for.</param>
delegate void SliceWork(ExpertSlice slice);

/// <summary>One tensor in the reference model θ₀ and in each model θᵢ of a group.</summary>
public sealed class ExpertTensor
{
    /// <summary>
    /// Values that are worked on together. One slice of each of a dozen models fits the second-level cache, so that a value is fetched from memory
    /// once a pass however many steps work on it.
    /// </summary>
    internal const int SliceLength = 8192;

    readonly ImmutableArray<string> items;
    readonly string referenceName;
    readonly ITensorStore reference;
    readonly ImmutableArray<ITensorStore> experts;
    readonly int threads;
    readonly TaskVectorChange? change;

    internal ExpertTensor(
        string name, int length, ImmutableArray<string> items, string referenceName, ITensorStore reference, ImmutableArray<ITensorStore> experts,
        int threads, TaskVectorChange? change)
    {
        (Name, Length, this.items, this.referenceName) = (name, length, items, referenceName);
        (this.reference, this.experts, this.threads, this.change) = (reference, experts, threads, change);
    }

    /// <summary>Name of the tensor.</summary>
    public string Name { get; }

    /// <summary>Number of values.</summary>
    public int Length { get; }

    /// <summary>Number of models besides the reference.</summary>
    public int Experts => experts.Length;

    /// <summary>Number of slices.</summary>
    internal int Slices => (Length + SliceLength - 1) / SliceLength;

    /// <summary>Works through the tensor, several slices at once.</summary>
    internal void ForEachSlice(SliceWork work)
    {
        if (Slices <= 1 || threads == 1)
        {
            for (var i = 0; i < Slices; i++)
                Run(i);
            return;
        }
        try
        {
            Parallel.For(0, Slices, new ParallelOptions { MaxDegreeOfParallelism = threads }, Run);
        }
        catch (AggregateException e)
        {
            ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        void Run(int i)
        {
            var (start, length) = (i * SliceLength, Math.Min(SliceLength, Length - (i * SliceLength)));
            var buffer = ArrayPool<float>.Shared.Rent(length);
            var values = Read(reference, item: null, start, buffer.AsSpan(0, length));
            work(new(this, start, values));
            ArrayPool<float>.Shared.Return(buffer);
        }
    }

    /// <summary>Whether every model has the reference's values, bit for bit.</summary>
    internal bool IsUnchanged()
    {
        Span<float> own = stackalloc float[SliceLength];
        Span<float> others = stackalloc float[SliceLength];
        for (var start = 0; start < Length; start += SliceLength)
        {
            var length = Math.Min(SliceLength, Length - start);
            var values = MemoryMarshal.AsBytes(reference.Read(Name, start, own[..length]));
            foreach (var expert in experts)
            {
                if (!values.SequenceEqual(MemoryMarshal.AsBytes(expert.Read(Name, start, others[..length]))))
                    return false;
            }
        }
        return true;
    }

    /// <summary>The same tensor with other task vectors.</summary>
    internal ExpertTensor With(TaskVectorChange taskVectors) => new(Name, Length, items, referenceName, reference, experts, threads, taskVectors);

    /// <summary>Reads a part of one of the models.</summary>
    internal ReadOnlySpan<float> Read(int expert, int start, Span<float> buffer) => Read(experts[expert], items[expert], start, buffer);

    /// <summary>Changes a part of a task vector before a method sees it.</summary>
    internal void Change(int expert, int start, Span<float> changes) => change?.Invoke(items[expert], Name, start, changes);

    // Files are not trusted, and one NaN would spread to every item of the group. Checked while the values are in the cache anyway.
    ReadOnlySpan<float> Read(ITensorStore store, string? item, int start, Span<float> buffer)
    {
        var values = store.Read(Name, start, buffer);
        if (System.Numerics.Tensors.TensorPrimitives.IsFiniteAll(values))
            return values;
        var i = 0;
        while (float.IsFinite(values[i]))
            i++;
        var owner = item is null ? referenceName : $"item model '{item}'";
        throw new MergeException(
            $"{Name} in {owner} holds {values[i]} at position {start + i}; every value must be finite. Train or import the model again.");
    }
}
