using System.ComponentModel;

namespace ScoringService.Merging.Methods;

/// <summary>No merge: the base model's encoder as it is, with fitted heads. Needs no item models; what every merge must beat.</summary>
[Description("The base model's encoder, unchanged, with a fitted head per item. Needs no item models.")]
public sealed record FrozenBase : StaticMethod
{
    /// <inheritdoc/>
    protected internal override void Combine(ReadOnlySpan<float> reference, ReadOnlySpan<float[]> experts, Span<float> merged) => reference.CopyTo(merged);
}
