using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Training;

/// <summary>The base model fine-tuned for one item: its own encoder and head (an "expert" in the papers).</summary>
/// <param name="Item">The item it scores.</param>
/// <param name="Config">Sizes of the encoder; the same for every model that is merged with it.</param>
/// <param name="Encoder">Encoder tensors by their Hugging Face name without a <c>bert.</c> prefix.</param>
/// <param name="Head">The classifier it was trained with.</param>
public sealed record ItemModel(Item Item, BertConfig Config, IReadOnlyDictionary<string, Tensor> Encoder, Head Head);
