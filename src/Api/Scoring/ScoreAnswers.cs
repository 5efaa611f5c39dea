using System.Collections.Immutable;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Scores of responses to one item.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Results">One result a response, in the order of the request.</param>
sealed record ItemScores(string ItemId, ImmutableArray<ResponseResult> Results);

/// <summary>Scores of responses to any items.</summary>
/// <param name="Results">One result a response, in the order of the request.</param>
sealed record MixedScores(ImmutableArray<ResponseResult> Results);

/// <summary>The items that can be scored now.</summary>
/// <param name="Items">The items, by id; none while no bundle is active.</param>
sealed record ScorableItems(IReadOnlyList<ScorableItem> Items);

/// <summary>An item that can be scored now.</summary>
/// <param name="ItemId">Id of the item.</param>
/// <param name="Title">Short human-readable title.</param>
/// <param name="Scoring">Score scale or analytic rubric.</param>
/// <param name="Labels">Names of the labels.</param>
/// <param name="Minimum">The lowest score a response can get.</param>
/// <param name="Maximum">The highest score a response can get.</param>
/// <param name="Bundle">Bundle that scores it.</param>
sealed record ScorableItem(
    string ItemId, string Title, ScoringKind Scoring, ImmutableArray<string> Labels, double Minimum, double Maximum, string Bundle)
{
    public static ScorableItem Of(BundleItem item, string bundle)
    {
        var definition = item.Definition;
        return new(
            definition.Id, definition.Title, definition.Scoring, definition.Labels, definition.Minimum, definition.Maximum, bundle);
    }
}
