using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Numerics.Tensors;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Adaptive weight disentanglement, then task arithmetic (Xiong et al. 2024, §4; algorithm brief §5): finds one redundant vector δ without which
/// the task vectors are nearly orthogonal; θ = θ₀ + λ Σᵢ (τᵢ − δ).
/// </summary>
/// <remarks>
/// δ is a combination Σₖ aₖτₖ, so the merge is task arithmetic whose task vectors weigh 1 − T aₖ, and the descent needs nothing of the models but
/// the inner products of their task vectors.
/// </remarks>
[Description("Takes a redundant vector δ out of the task vectors, to make them nearly orthogonal, and adds their scaled sum: θ = θ₀ + λ Σ (τᵢ − δ).")]
public sealed record Awd : TaskVectorMethod
{
    /// <summary>Scale λ of the summed task vectors. Unitless; default 0.3.</summary>
    [Description("Scale λ of the summed task vectors.")]
    [Range(0.0, 2.0)]
    public double Lambda { get; init; } = 0.3;

    /// <summary>Weight α of the norm of δ in the objective. From 0; default 0.1.</summary>
    [Description("Weight α of the redundant vector's norm in what is minimized.")]
    [Range(0.0, 10.0)]
    public double Alpha { get; init; } = 0.1;

    /// <summary>Step size β of the gradient descent. Above 0; default 0.01.</summary>
    [Description("Step size β of the gradient descent.")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Beta { get; init; } = 0.01;

    /// <summary>Steps of the gradient descent; 0 leaves plain task arithmetic. Default 300.</summary>
    [Description("Steps of the gradient descent; 0 leaves plain task arithmetic.")]
    [Range(0, 100_000)]
    public int Iterations { get; init; } = 300;

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop)
    {
        var redundant = Redundant(group, stop);
        return WeightedSum(Array.ConvertAll(redundant, share => (float)(Lambda * (1 - (redundant.Length * share)))));
    }

    /// <summary>The shares a of the task vectors in the redundant vector δ = Σₖ aₖτₖ.</summary>
    internal double[] Redundant(ExpertGroup group, CancellationToken stop) => new Disentanglement(Gram(group, stop), Alpha).Descend(Beta, Iterations);

    /// <summary>Inner products ⟨τᵢ, τⱼ⟩ of the task vectors over all tensors: <c>[models, models]</c>.</summary>
    static Matrix Gram(ExpertGroup group, CancellationToken stop)
    {
        var count = group.Items.Length;
        var gram = new Matrix(count, count);
        foreach (var name in group.Tensors)
        {
            stop.ThrowIfCancellationRequested();
            var tensor = group.Tensor(name);
            // Slices are summed up in their order, whichever thread was first: the same models give the same bits.
            var parts = new Matrix[tensor.Slices];
            tensor.ForEachSlice(slice => parts[slice.Start / ExpertTensor.SliceLength] = Gram(slice));
            foreach (var part in parts)
                TensorPrimitives.Add(gram.Values, part.Values, gram.Values);
        }
        return gram;
    }

    static Matrix Gram(ExpertSlice slice)
    {
        Span<float> changes = stackalloc float[slice.Length];
        var rows = new Matrix(slice.Experts, slice.Length);
        var gram = new Matrix(slice.Experts, slice.Experts);
        for (var i = 0; i < gram.Rows; i++)
        {
            slice.Changes(i, changes);
            TensorPrimitives.ConvertTruncating<float, double>(changes, rows.Row(i));
            for (var j = 0; j <= i; j++)
                gram[j, i] = gram[i, j] = TensorPrimitives.Dot<double>(rows.Row(i), rows.Row(j));
        }
        return gram;
    }
}
