using System.Text.Json;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Planning;

/// <summary>From a recipe's grouping, and a clustering where it needs one, to a merge plan.</summary>
public static class Grouping
{
    /// <summary>Whether the plan follows from distances between item models.</summary>
    public static bool NeedsAlignment(GroupingRecipe grouping) => grouping.Strategy == GroupingStrategy.GromovWasserstein;

    /// <summary>Whether the plan is cut from a clustering, whatever the similarities come from.</summary>
    public static bool NeedsClustering(GroupingRecipe grouping) =>
        grouping.Strategy is GroupingStrategy.GromovWasserstein or GroupingStrategy.Expert or GroupingStrategy.LanguageModel;

    /// <summary>Finds the plan.</summary>
    /// <param name="grouping">How items are put into groups.</param>
    /// <param name="itemIds">The items, in the order the plan shall show them.</param>
    /// <param name="dendrogram">The clustering of the items, where <see cref="NeedsClustering"/>.</param>
    /// <exception cref="MergePlanException">The groups asked for are impossible; the message says what to change.</exception>
    public static MergePlan Plan(GroupingRecipe grouping, IReadOnlyCollection<string> itemIds, Dendrogram? dendrogram) => grouping.Strategy switch
    {
        GroupingStrategy.One => MergePlan.Together(itemIds),
        GroupingStrategy.None => MergePlan.Separate(itemIds),
        GroupingStrategy.Manual => MergePlan.Of(ManualGroups(grouping), itemIds),
        _ => (dendrogram ?? throw new ArgumentNullException(nameof(dendrogram))).Cut(NumberOfGroups(grouping, itemIds.Count)),
    };

    /// <summary>
    /// The number of groups asked for. Where only a largest group is given, as many merges as that allows; where nothing is, half as many groups as items, as
    /// the paper's plans keep (five of nine).
    /// </summary>
    /// <exception cref="MergePlanException">It is no number, or there are fewer items.</exception>
    public static int NumberOfGroups(GroupingRecipe grouping, int items) => grouping.Groups switch
    {
        null or { ValueKind: JsonValueKind.Null } => grouping.MaxGroupSize is null ? (items + 1) / 2 : 1,
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt32(out var groups) && groups >= 1 && groups <= items => groups,
        _ => throw new MergePlanException($"Give a number of groups from 1 to {items}, as many as there are items, or leave it out."),
    };

    static string[][] ManualGroups(GroupingRecipe grouping)
    {
        try
        {
            if (grouping.Groups?.Deserialize<string[][]>() is { } groups && groups.All(group => group is not null && group.All(id => id is not null)))
                return groups;
        }
        catch (JsonException e)
        {
            throw new MergePlanException($"grouping.groups must be lists of item ids, such as [[\"a\",\"b\"],[\"c\"]], for the strategy 'manual': {e.Message}");
        }
        throw new MergePlanException("grouping.groups must be lists of item ids, such as [[\"a\",\"b\"],[\"c\"]], for the strategy 'manual'.");
    }
}
