using System.Collections.Immutable;
using System.Numerics;
using ScoringService.Inference.Checkpoints;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Inference.Encoders;

/// <summary>
/// How one item's model differs from a reference in one tensor: all values, or, after pruning, a bit for each position and the values that remain.
/// </summary>
public sealed record TaskVector
{
    TaskVector(int length, float[] values, byte[]? mask) => (Length, Values, Mask) = (length, values, mask);

    /// <summary>Number of positions.</summary>
    public int Length { get; }

    /// <summary>The values that are kept, in the order of their positions.</summary>
    public float[] Values { get; }

    /// <summary>For each position one bit, lowest first, that tells whether its value is kept; null where all are.</summary>
    public byte[]? Mask { get; }

    /// <summary>Number of values that are kept.</summary>
    public int NonZeros => Values.Length;

    /// <summary>Name of the graph's input that holds a tensor's task vectors, <c>[experts, values]</c>.</summary>
    public static string StackOf(string tensor) => $"{tensor}.experts";

    /// <summary>How a model differs from a reference in one tensor, τ = θ − θ₀.</summary>
    /// <param name="model">θ.</param>
    /// <param name="reference">θ₀, as long.</param>
    public static float[] Difference(ReadOnlySpan<float> model, ReadOnlySpan<float> reference)
    {
        var difference = new float[model.Length];
        TensorPrimitives.Subtract(model, reference, difference);
        return difference;
    }

    /// <summary>A task vector with all its values.</summary>
    public static TaskVector Dense(float[] values) => new(values.Length, values, null);

    /// <summary>A task vector of which only the values at the marked positions are kept.</summary>
    /// <param name="values">All values.</param>
    /// <param name="keep">Whether each one is kept.</param>
    public static TaskVector Sparse(ReadOnlySpan<float> values, ReadOnlySpan<bool> keep)
    {
        var mask = new byte[(values.Length + 7) / 8];
        var kept = new float[keep.Count(true)];
        var next = 0;
        for (var i = 0; i < values.Length; i++)
        {
            if (!keep[i])
                continue;
            mask[i >> 3] |= (byte)(1 << (i & 7));
            kept[next++] = values[i];
        }
        return new(values.Length, kept, mask);
    }

    /// <summary>A pruned task vector as it is stored.</summary>
    /// <param name="length">Number of positions.</param>
    /// <param name="values">The values that are kept.</param>
    /// <param name="mask">One bit for each position.</param>
    /// <exception cref="ArgumentException">The mask does not fit the length, or marks another number of values.</exception>
    public static TaskVector Stored(int length, float[] values, byte[] mask)
    {
        var marked = mask.Sum(bits => BitOperations.PopCount(bits));
        var excess = (length & 7) == 0 ? 0 : mask.LastOrDefault() >> (length & 7);
        return mask.Length == (length + 7) / 8 && marked == values.Length && excess == 0
            ? new(length, values, mask)
            : throw new ArgumentException($"A mask of {mask.Length} bytes marks {marked} values; {values.Length} of {length} are stored.");
    }

    /// <summary>Writes all values, zeros included.</summary>
    /// <param name="dense">As long as <see cref="Length"/>.</param>
    public void CopyTo(Span<float> dense)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(dense.Length, Length, nameof(dense));
        if (Mask is null)
        {
            Values.CopyTo(dense);
            return;
        }
        dense.Clear();
        var next = 0;
        for (var index = 0; index < Mask.Length; index++)
        {
            for (uint bits = Mask[index]; bits != 0; bits &= bits - 1)
                dense[(index << 3) + BitOperations.TrailingZeroCount(bits)] = Values[next++];
        }
    }

    /// <summary>The task vectors of all experts as the graph reads them: <c>[experts, values]</c>.</summary>
    public static Tensor Stack(ImmutableArray<TaskVector> experts)
    {
        var length = experts[0].Length;
        var stack = new Tensor([experts.Length, length], new float[experts.Length * length]);
        for (var expert = 0; expert < experts.Length; expert++)
            experts[expert].CopyTo(stack.Values.AsSpan(expert * length, length));
        return stack;
    }
}
