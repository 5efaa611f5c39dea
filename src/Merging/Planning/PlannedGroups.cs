using System.Collections.Immutable;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Planning;

/// <summary>A merge plan and what it follows from.</summary>
/// <param name="Plan">The groups.</param>
/// <param name="Alignment">The similarities; null where the plan needed none.</param>
/// <param name="Provenance">How a language model came to them; null where none was asked.</param>
public sealed record PlannedGroups(MergePlan Plan, AlignmentReport? Alignment = null, GroupingProvenance? Provenance = null)
{
    /// <summary>Groups that need no similarities.</summary>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    public static PlannedGroups Of(GroupingRecipe grouping, ImmutableArray<string> itemIds) =>
        new(Grouping.Plan(grouping, itemIds, dendrogram: null));

    /// <summary>Groups by similarities that were given or rated.</summary>
    /// <param name="grouping">Linkage and number of groups.</param>
    /// <param name="itemIds">The items.</param>
    /// <param name="similarity">Similarities <c>[items, items]</c>; see <see cref="SimilarityRules"/>.</param>
    /// <param name="provenance">How a language model came to them.</param>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    public static PlannedGroups Of(
        GroupingRecipe grouping,
        ImmutableArray<string> itemIds,
        ImmutableArray<ImmutableArray<double>> similarity,
        GroupingProvenance? provenance = null)
    {
        var dendrogram = HierarchicalClustering.Cluster(itemIds, similarity, grouping.Linkage, grouping.MaxGroupSize);
        var report = new AlignmentReport { ItemIds = itemIds, Similarity = similarity, Dendrogram = dendrogram.Merges };
        return new(Grouping.Plan(grouping, itemIds, dendrogram), report, provenance);
    }

    /// <summary>Groups by the distances of all pairs.</summary>
    /// <param name="grouping">Linkage and number of groups.</param>
    /// <param name="alignment">The distances.</param>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    public static PlannedGroups Of(GroupingRecipe grouping, AlignmentMatrix alignment)
    {
        var dendrogram = HierarchicalClustering.Cluster(alignment, grouping.Linkage, grouping.MaxGroupSize);
        return new(Grouping.Plan(grouping, alignment.ItemIds, dendrogram), new()
        {
            ItemIds = alignment.ItemIds,
            Distances = Rows(alignment.ItemIds.Length, (i, j) => alignment.Distances[i][j]),
            Deviations = alignment.Deviations is { } deviations ? Rows(alignment.ItemIds.Length, (i, j) => deviations[i][j]) : null,
            PairsCompared = alignment.ItemIds.Length * (alignment.ItemIds.Length - 1) / 2,
            Similarity = alignment.Similarity,
            Dendrogram = dendrogram.Merges,
        });
    }

    /// <summary>The same groups as by the distances of all pairs, from no more comparisons than they depend on.</summary>
    /// <param name="grouping">Linkage and number of groups.</param>
    /// <param name="comparison">The items' clouds.</param>
    /// <param name="threads">Pairs compared at the same time, at least 1.</param>
    /// <param name="progress">Told the share of the merges that is made, 0 to 1.</param>
    /// <param name="stop">Ends the work between two steps of a comparison.</param>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    public static PlannedGroups Pruned(
        GroupingRecipe grouping, CloudComparison comparison, int threads, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        var (itemIds, count) = (comparison.ItemIds, comparison.ItemIds.Length);
        var deviations = new double[count, count];
        var distances = new BoundedDistances(count, comparison.LowerBound, Compare, threads, stop);
        var dendrogram = HierarchicalClustering.Cluster(
            itemIds, distances, grouping.Linkage, grouping.MaxGroupSize, Grouping.NumberOfGroups(grouping, count), progress);
        return new(Grouping.Plan(grouping, itemIds, dendrogram), new()
        {
            ItemIds = itemIds,
            Distances = Rows(count, (i, j) => IfCompared(i, j, distances[i, j])),
            Deviations = comparison.Draws > 1 ? Rows(count, (i, j) => IfCompared(i, j, deviations[i, j])) : null,
            PairsCompared = distances.Computed,
            Dendrogram = dendrogram.Merges,
        });

        double Compare(int i, int j)
        {
            var (mean, deviation) = comparison.Distance(i, j, stop);
            deviations[i, j] = deviations[j, i] = deviation;
            return mean;
        }

        double? IfCompared(int i, int j, double value) => i == j || distances.IsExact(i, j) ? value : null;
    }

    static ImmutableArray<ImmutableArray<double?>> Rows(int count, Func<int, int, double?> value) =>
        [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, count).Select(j => value(i, j)).ToImmutableArray())];
}
