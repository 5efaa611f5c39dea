using System.Collections.Immutable;

namespace ScoringService.Merging.Planning;

/// <summary>A partition of the items: the models of one group become one encoder; an item alone in its group keeps its own.</summary>
public sealed record MergePlan
{
    MergePlan(ImmutableArray<ImmutableArray<string>> groups) => Groups = groups;

    /// <summary>The groups, none of them empty; in the order of their first item, and items in the order they were given.</summary>
    public ImmutableArray<ImmutableArray<string>> Groups { get; }

    /// <summary>Number of encoders the plan keeps.</summary>
    public int Encoders => Groups.Length;

    /// <summary>The items that share their encoder with another.</summary>
    public IEnumerable<string> MergedItems => Groups.Where(group => group.Length > 1).SelectMany(group => group);

    /// <summary>Every item keeps its own encoder.</summary>
    /// <exception cref="MergePlanException">No item, or one named twice.</exception>
    public static MergePlan Separate(IReadOnlyCollection<string> itemIds) => Of(itemIds.Select(id => new[] { id }), itemIds);

    /// <summary>All items share one encoder.</summary>
    /// <exception cref="MergePlanException">No item, or one named twice.</exception>
    public static MergePlan Together(IReadOnlyCollection<string> itemIds) => Of([itemIds], itemIds);

    /// <summary>Groups as they are given.</summary>
    /// <param name="groups">Each item's id exactly once.</param>
    /// <param name="itemIds">The items to be planned, in the order the plan shall show them.</param>
    /// <exception cref="MergePlanException">
    /// The groups are not a partition of the items; the message says which item or group is at fault.
    /// </exception>
    public static MergePlan Of(IEnumerable<IEnumerable<string>> groups, IReadOnlyCollection<string> itemIds)
    {
        ArgumentNullException.ThrowIfNull(groups);
        ArgumentNullException.ThrowIfNull(itemIds);
        if (itemIds.Count == 0)
            throw new MergePlanException("There is no item to plan. Name at least one.");
        var place = new Dictionary<string, int>();
        foreach (var id in itemIds)
        {
            if (!place.TryAdd(id, place.Count))
                throw new MergePlanException($"Item '{id}' is named twice.");
        }

        var seen = new HashSet<string>();
        var ordered = new List<ImmutableArray<string>>();
        foreach (var group in groups)
        {
            ImmutableArray<string> members = [.. group];
            if (members.IsEmpty)
                throw new MergePlanException($"Group {ordered.Count} is empty. Leave it out.");
            foreach (var id in members)
            {
                if (!place.ContainsKey(id))
                    throw new MergePlanException(
                        $"Group {ordered.Count} names '{id}', which is not among the items to merge ({string.Join(", ", itemIds)}).");
                if (!seen.Add(id))
                    throw new MergePlanException($"Item '{id}' is in more than one place. Put it into exactly one group.");
            }
            ordered.Add([.. members.OrderBy(id => place[id])]);
        }
        if (seen.Count < place.Count)
            throw new MergePlanException(
                $"No group holds {string.Join(", ", place.Keys.Where(id => !seen.Contains(id)))}. Give each item a group, if only of its own.");
        return new MergePlan([.. ordered.OrderBy(group => place[group[0]])]);
    }
}

/// <summary>Groups that are no partition of the items; the message says what to change.</summary>
public sealed class MergePlanException(string message) : Exception(message);
