using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Methods;

/// <summary>One tensor in the reference model θ₀ and in each model θᵢ of a group.</summary>
public sealed class ExpertTensor : IDisposable
{
    /// <summary>
    /// Values that are worked on together. One slice of each of a dozen models, and what is computed of them, fit the second-level cache: every value
    /// is fetched from memory once a pass.
    /// </summary>
    internal const int Slice = 4096;

    readonly ImmutableArray<string> items;
    readonly string referenceName;
    readonly TensorView reference;
    readonly TensorView[] experts;
    readonly int threads;
    readonly TaskVectorChange? change;

    internal ExpertTensor(
        string name, ImmutableArray<string> items, string referenceName, TensorView reference, TensorView[] experts, int threads,
        TaskVectorChange? change) =>
        (Name, this.items, this.referenceName, this.reference, this.experts, this.threads, this.change) =
        (name, items, referenceName, reference, experts, threads, change);

    /// <summary>Name of the tensor.</summary>
    public string Name { get; }

    /// <summary>Number of values.</summary>
    public int Length => reference.Length;

    /// <summary>Number of models besides the reference.</summary>
    public int Experts => experts.Length;

    /// <summary>The values in θ₀.</summary>
    public ReadOnlySpan<float> Reference => reference.Values;

    /// <summary>The values in one of the models θᵢ.</summary>
    /// <param name="expert">Position of the model in the group.</param>
    public ReadOnlySpan<float> Values(int expert) => experts[expert].Values;

    /// <summary>A part of a task vector τᵢ = θᵢ − θ₀.</summary>
    /// <param name="expert">Position of the model in the group.</param>
    /// <param name="start">Position of the part's first value.</param>
    /// <param name="changes">Receives the part.</param>
    public void Changes(int expert, int start, Span<float> changes)
    {
        TensorPrimitives.Subtract(Values(expert).Slice(start, changes.Length), Reference.Slice(start, changes.Length), changes);
        change?.Invoke(items[expert], Name, start, changes);
    }

    /// <summary>Refuses a slice with NaN or an infinity in any model: files are not trusted, and one NaN would spread to every item of the group.</summary>
    /// <exception cref="MergeException">Says whose value it is, and where.</exception>
    internal void RequireFinite(int start, int length)
    {
        Check(Reference, item: null);
        for (var expert = 0; expert < experts.Length; expert++)
            Check(Values(expert), items[expert]);

        void Check(ReadOnlySpan<float> values, string? item)
        {
            if (TensorPrimitives.IsFiniteAll(values.Slice(start, length)))
                return;
            var i = start;
            while (float.IsFinite(values[i]))
                i++;
            var owner = item is null ? referenceName : $"item model '{item}'";
            throw new MergeException($"{Name} in {owner} holds {values[i]} at position {i}; every value must be finite. Train or import the model again.");
        }
    }

    /// <summary>Works through the tensor, several slices at once.</summary>
    /// <param name="slice">Told a slice's start and length.</param>
    public void ForEachSlice(Action<int, int> slice)
    {
        var slices = (Length + Slice - 1) / Slice;
        if (slices == 1 || threads == 1)
        {
            for (var i = 0; i < slices; i++)
                Run(i);
        }
        else
        {
            try
            {
                Parallel.For(0, slices, new ParallelOptions { MaxDegreeOfParallelism = threads }, Run);
            }
            catch (AggregateException e)
            {
                ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
        }

        void Run(int i) => slice(i * Slice, Math.Min(Slice, Length - (i * Slice)));
    }

    /// <summary>Whether every model has the reference's values, bit for bit.</summary>
    internal bool IsUnchanged() => Array.TrueForAll(experts, expert => SameBits(expert.Values, Reference));

    /// <summary>The same tensor with other task vectors; closed together with this one.</summary>
    internal ExpertTensor With(TaskVectorChange taskVectors) => new(Name, items, referenceName, reference, experts, threads, taskVectors);

    /// <inheritdoc/>
    public void Dispose()
    {
        reference.Dispose();
        foreach (var expert in experts)
            expert.Dispose();
    }

    static bool SameBits(ReadOnlySpan<float> left, ReadOnlySpan<float> right) =>
        MemoryMarshal.AsBytes(left).SequenceEqual(MemoryMarshal.AsBytes(right));
}
