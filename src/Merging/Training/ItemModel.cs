using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Training;

/// <summary>The base model fine-tuned for one item: its own encoder and head (an "expert" in the papers).</summary>
/// <param name="Item">The item it scores.</param>
/// <param name="Config">Sizes of the encoder; the same for every model that is merged with it.</param>
/// <param name="Encoder">Encoder tensors by their Hugging Face name without a <c>bert.</c> prefix.</param>
/// <param name="Head">The classifier it was trained with.</param>
public sealed record ItemModel(Item Item, BertConfig Config, IReadOnlyDictionary<string, Tensor> Encoder, Head Head)
{
    /// <summary>
    /// Takes an item model from its checkpoint. Tensors that training left as they were are shared with the base model: half of a small model is embeddings.
    /// </summary>
    /// <param name="item">The item.</param>
    /// <param name="checkpoint">The item model's checkpoint, with a head.</param>
    /// <param name="baseModel">The base model.</param>
    /// <exception cref="ArgumentException">The checkpoint has no head, or not one output for each label of the item.</exception>
    public static ItemModel From(Item item, Checkpoint checkpoint, Checkpoint baseModel)
    {
        if (checkpoint.Head is not { } head || head.Labels != item.Labels.Length)
        {
            throw new ArgumentException(
                $"The model of item '{item.Id}' needs a head with {item.Labels.Length} outputs, one for each label; it has {checkpoint.Head?.Labels ?? 0}.");
        }
        return new(item, checkpoint.Config, checkpoint.Encoder.ToDictionary(entry => entry.Key, entry => Shared(entry.Key, entry.Value)), head);

        Tensor Shared(string name, Tensor tensor) =>
            baseModel.Encoder.TryGetValue(name, out var shared) && SameBits(shared.Values, tensor.Values) ? shared : tensor;

        static bool SameBits(float[] left, float[] right) => MemoryMarshal.AsBytes<float>(left).SequenceEqual(MemoryMarshal.AsBytes<float>(right));
    }
}
