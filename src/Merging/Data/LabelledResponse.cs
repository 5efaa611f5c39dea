using System.Collections.Immutable;

namespace ScoringService.Merging.Data;

/// <summary>A response that people have scored.</summary>
/// <param name="Id">The response's own name within its item.</param>
/// <param name="Text">What the student wrote.</param>
/// <param name="Labels">For each label of the item, whether it holds; exactly one does in a multi-class item.</param>
public sealed record LabelledResponse(string Id, string Text, ImmutableArray<bool> Labels)
{
    /// <summary>What a second person said, as <see cref="Labels"/>; null where nobody scored it again.</summary>
    public ImmutableArray<bool>? SecondLabels { get; init; }

    /// <summary>The class of a multi-class item: the position of the label that holds.</summary>
    public int Class => Labels.IndexOf(true);
}
