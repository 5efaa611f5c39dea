using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>A slice of one tensor in the reference model θ₀ and in each model θᵢ of a group.</summary>
public readonly ref struct ExpertSlice
{
    readonly ExpertTensor tensor;

    internal ExpertSlice(ExpertTensor tensor, int start, ReadOnlySpan<float> reference)
    {
        (this.tensor, Start) = (tensor, start);
        Reference = reference;
    }

    /// <summary>Position in the tensor of the slice's first value.</summary>
    public int Start { get; }

    /// <summary>The values in θ₀.</summary>
    public ReadOnlySpan<float> Reference { get; }

    /// <summary>Number of values.</summary>
    public int Length => Reference.Length;

    /// <summary>Number of models besides the reference.</summary>
    public int Experts => tensor.Experts;

    /// <summary>The values in one of the models θᵢ.</summary>
    /// <param name="expert">Position of the model in the group.</param>
    /// <param name="buffer">As long as the slice; may be written to.</param>
    /// <exception cref="MergeException">A value is not finite.</exception>
    public ReadOnlySpan<float> Values(int expert, Span<float> buffer) => tensor.Read(expert, Start, buffer);

    /// <summary>The slice of a task vector τᵢ = θᵢ − θ₀.</summary>
    /// <param name="expert">Position of the model in the group.</param>
    /// <param name="changes">As long as the slice; receives it.</param>
    /// <exception cref="MergeException">A value is not finite.</exception>
    public void Changes(int expert, Span<float> changes)
    {
        TensorPrimitives.Subtract(Values(expert, changes), Reference, changes);
        tensor.Change(expert, Start, changes);
    }

    /// <summary>The same slice with the task vectors of another view of its tensor.</summary>
    internal ExpertSlice Of(ExpertTensor other) => new(other, Start, Reference);
}
