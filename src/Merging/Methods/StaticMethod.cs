using System.Text.Json.Serialization;

namespace ScoringService.Merging.Methods;

/// <summary>
/// A way to combine the encoders of one group into one of the same architecture, tensor by tensor. The method's parameters are its properties:
/// recipe parsing, validation and the OpenAPI document are made from them. A new method is one record and one line here.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "name")]
[JsonDerivedType(typeof(FrozenBase), "frozen-base")]
[JsonDerivedType(typeof(SimpleAverage), "simple-average")]
[JsonDerivedType(typeof(TaskArithmetic), "task-arithmetic")]
[JsonDerivedType(typeof(Ties), "ties")]
public abstract record StaticMethod
{
    /// <summary>Writes the combination of one tensor.</summary>
    /// <param name="reference">Values of the model that task vectors are relative to.</param>
    /// <param name="experts">Values of the same tensor in each model of the group; at least two.</param>
    /// <param name="merged">Where the result goes; as long as each of the others.</param>
    protected internal abstract void Combine(ReadOnlySpan<float> reference, ReadOnlySpan<float[]> experts, Span<float> merged);
}
