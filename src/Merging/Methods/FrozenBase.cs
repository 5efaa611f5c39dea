using System.ComponentModel;
using System.Text.Json.Serialization;

namespace ScoringService.Merging.Methods;

/// <summary>No merge: the base model's encoder as it is, with fitted heads. Needs no item models; what every merge must beat.</summary>
[Description("The base model's encoder, unchanged, with a fitted head per item. Needs no item models.")]
public sealed record FrozenBase : StaticMethod
{
    /// <inheritdoc/>
    [JsonIgnore] public override bool NeedsItemModels => false;

    /// <inheritdoc/>
    protected internal override TensorCombiner Prepare(ExpertGroup group, CancellationToken stop) =>
        (tensor, merged) => group.Reference[tensor].Values.CopyTo(merged);
}
