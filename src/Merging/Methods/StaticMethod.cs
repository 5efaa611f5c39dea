using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Finds out what there is to know of one whole tensor, and returns how its slices are combined.</summary>
/// <param name="tensor">The tensor in every model.</param>
public delegate SliceCombiner TensorCombiner(ExpertTensor tensor);

/// <summary>Writes the combination of one slice of a tensor. Slices do not depend on each other, and several are combined at once.</summary>
/// <param name="slice">The slice in every model.</param>
/// <param name="merged">Receives the combination; as long as the slice.</param>
public delegate void SliceCombiner(ExpertSlice slice, Span<float> merged);

/// <summary>A method that needs nothing but weights: it combines the encoders of a group into one of the same architecture, tensor by tensor.</summary>
public abstract record StaticMethod : MergeMethod
{
    /// <summary>Finds out what the method needs to know of whole models, and returns how their tensors are combined.</summary>
    /// <param name="group">The models to merge.</param>
    /// <param name="stop">Ends the work between two tensors.</param>
    protected internal abstract TensorCombiner Prepare(ExpertGroup group, CancellationToken stop);

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) =>
        new StaticEncoder(group.Config, Merge.Combine(this, group.Base.Encoder, group.Ids, group.Models, work.Threads, work.Stop));
}
