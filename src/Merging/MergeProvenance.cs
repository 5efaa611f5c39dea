using System.Text.Json;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging;

/// <summary>What the recipe alone does not say of how a merge came about, as it is kept in the bundle's manifest.</summary>
/// <param name="Grouping">What a language model was asked and answered; null where none was.</param>
/// <param name="Chosen">The method that <c>auto</c> took, as a recipe has it; null where the recipe names one.</param>
/// <param name="Search">All that <c>auto</c> tried, without times: the same search makes the same bundle.</param>
public sealed record MergeProvenance(GroupingProvenance? Grouping, JsonElement? Chosen, SearchReport? Search)
{
    /// <summary>Takes it from a report; null where the recipe says everything.</summary>
    public static MergeProvenance? Of(MergeReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report is { Provenance: null, Search: null }
            ? null
            : new(
                report.Provenance,
                report.Search?.Chosen?.Method,
                report.Search is { } search ? new([.. search.Candidates.Select(candidate => candidate with { Seconds = null })]) : null);
    }
}
