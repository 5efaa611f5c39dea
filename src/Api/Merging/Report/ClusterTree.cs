using System.Collections.Immutable;
using ScoringService.Merging;

namespace ScoringService.Api.Merging.Report;

/// <summary>The clustering of a report's alignment, laid out so that no two branches cross.</summary>
sealed class ClusterTree
{
    readonly AlignmentReport alignment;

    /// <summary>Lays a clustering out.</summary>
    public ClusterTree(AlignmentReport alignment)
    {
        this.alignment = alignment;
        var joined = alignment.Dendrogram.SelectMany(merge => new[] { merge.Left, merge.Right }).ToHashSet();
        // A largest group size may forbid the last merges: then there are several roots.
        Leaves = [.. Enumerable.Range(0, Items + alignment.Dendrogram.Length).Where(node => !joined.Contains(node))
            .Select(Under).OrderBy(leaves => leaves[0]).SelectMany(leaves => leaves)];
        Made = Math.Clamp(Items - (alignment.PlannedGroups ?? Items), 0, alignment.Dendrogram.Length);
        Groups = [.. Enumerable.Range(0, Items + Made).Except(alignment.Dendrogram.Take(Made).SelectMany(merge => new[] { merge.Left, merge.Right }))
            .Select(Under).OrderBy(leaves => Leaves.IndexOf(leaves[0]))];
    }

    /// <summary>Number of items.</summary>
    public int Items => alignment.ItemIds.Length;

    /// <summary>The items in the order in which they are drawn, neighbours near each other.</summary>
    public ImmutableArray<int> Leaves { get; }

    /// <summary>How many of the merges the plan makes.</summary>
    public int Made { get; }

    /// <summary>The groups of the plan, in the order of the leaves, each with its items in that order.</summary>
    public ImmutableArray<ImmutableArray<int>> Groups { get; }

    /// <summary>The height between the last merge that is made and the first that is not; null where no merge is left, or no cut is known.</summary>
    public double? Cut => alignment.PlannedGroups is null || Made >= alignment.Dendrogram.Length ? null
        : ((Made == 0 ? 0 : alignment.Dendrogram[Made - 1].Height) + alignment.Dendrogram[Made].Height) / 2;

    /// <summary>The items under a node: below the number of items it is that item, otherwise a merge.</summary>
    ImmutableArray<int> Under(int node) => node < Items
        ? [node]
        : [.. Under(alignment.Dendrogram[node - Items].Left), .. Under(alignment.Dendrogram[node - Items].Right)];
}
