using System.Text.Json.Serialization;

namespace ScoringService.Merging.Methods;

/// <summary>Writes the combination of one tensor of a group's models.</summary>
/// <param name="tensor">Name of the tensor.</param>
/// <param name="merged">Where the result goes; as long as the tensor.</param>
public delegate void TensorCombiner(string tensor, Span<float> merged);

/// <summary>
/// A way to combine the encoders of one group into one of the same architecture, tensor by tensor. The method's parameters are its properties:
/// recipe parsing, validation and the OpenAPI document are made from them. A new method is one record and one line here.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "name")]
[JsonDerivedType(typeof(Awd), "awd")]
[JsonDerivedType(typeof(Dare), "dare")]
[JsonDerivedType(typeof(DareTies), "dare-ties")]
[JsonDerivedType(typeof(FrozenBase), "frozen-base")]
[JsonDerivedType(typeof(SimpleAverage), "simple-average")]
[JsonDerivedType(typeof(TaskArithmetic), "task-arithmetic")]
[JsonDerivedType(typeof(Ties), "ties")]
public abstract record StaticMethod
{
    /// <summary>Finds out what the method needs to know of whole models, and returns how their tensors are combined.</summary>
    /// <param name="group">The models to merge.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    protected internal abstract TensorCombiner Prepare(ExpertGroup group, CancellationToken stop);
}
