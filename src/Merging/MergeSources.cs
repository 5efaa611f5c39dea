using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Training;

namespace ScoringService.Merging;

/// <summary>What a merge works from.</summary>
/// <param name="BaseName">Name of the base model.</param>
/// <param name="Base">The pre-trained encoder all item models started from.</param>
/// <param name="Items">The items with their responses, in the order of the plan's numbering.</param>
/// <param name="Models">Item models by item id; an item may lack one only if the method needs none.</param>
/// <param name="MaxTokens">Longest token sequence, special tokens included, at which items were trained and will be served.</param>
public sealed record MergeSources(
    string BaseName,
    Checkpoint Base,
    ImmutableArray<TokenizedItem> Items,
    IReadOnlyDictionary<string, ItemModel> Models,
    int MaxTokens)
{
    /// <summary>Encoders made of these items and models, for methods that start from the same.</summary>
    public MadeEncoders Made { get; } = new();

    /// <summary>The item with this id.</summary>
    public TokenizedItem Item(string id) => Items.First(item => item.Id == id);
}
