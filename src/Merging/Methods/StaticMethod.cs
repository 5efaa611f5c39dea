using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Writes the combination of one tensor of a group's models.</summary>
/// <param name="tensor">Name of the tensor.</param>
/// <param name="merged">Where the result goes; as long as the tensor.</param>
public delegate void TensorCombiner(string tensor, Span<float> merged);

/// <summary>A method that needs nothing but weights: it combines the encoders of a group into one of the same architecture, tensor by tensor.</summary>
public abstract record StaticMethod : MergeMethod
{
    /// <summary>Finds out what the method needs to know of whole models, and returns how their tensors are combined.</summary>
    /// <param name="group">The models to merge.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    protected internal abstract TensorCombiner Prepare(ExpertGroup group, CancellationToken stop);

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) =>
        new StaticEncoder(group.Config, Merge.Combine(this, group.Base.Encoder, group.Ids, group.Models, work.Stop));
}
