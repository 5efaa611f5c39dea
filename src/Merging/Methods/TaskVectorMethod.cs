using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>A method that adds a combination of task vectors τᵢ = θᵢ − θ₀ to a reference model θ₀.</summary>
public abstract record TaskVectorMethod : StaticMethod
{
    /// <summary><see cref="Reference"/>: the model every item model started from.</summary>
    public const string BaseModel = "base";

    /// <summary><see cref="Reference"/>: the model of the group's first item.</summary>
    public const string FirstOfGroup = "first-of-group";

    /// <summary>
    /// The model θ₀: <c>base</c>, <c>first-of-group</c>, or the id of an item whose model is taken for every group, as the public GW-SMM code takes
    /// that of its first item. Default <c>base</c>.
    /// </summary>
    [Description("What task vectors are relative to: 'base', 'first-of-group', or the id of an item whose model is taken for every group.")]
    [Required]
    public string Reference { get; init; } = BaseModel;

    /// <summary>θ = θ₀ + Σᵢ wᵢ τᵢ.</summary>
    /// <param name="weights">wᵢ of each task vector.</param>
    private protected static TensorCombiner WeightedSum(float[] weights) => _ => (slice, merged) =>
    {
        Span<float> changes = stackalloc float[merged.Length];
        merged.Clear();
        for (var expert = 0; expert < weights.Length; expert++)
        {
            slice.Changes(expert, changes);
            TensorPrimitives.MultiplyAdd(changes, weights[expert], merged, merged);
        }
        TensorPrimitives.Add(slice.Reference, merged, merged);
    };
}
