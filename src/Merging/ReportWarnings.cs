using System.Collections.Immutable;
using System.Globalization;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging;

/// <summary>What someone should know before a bundle is activated, in plain sentences.</summary>
static class ReportWarnings
{
    // What rsmtool's users commonly flag, and the agreement that automated scores are commonly asked for before they count (Williamson et al. 2012).
    const double LargestBias = 0.15, LeastQwk = 0.70;

    /// <summary>Looks through the items of a report.</summary>
    public static ImmutableArray<string> Of(ImmutableArray<ItemReport> items, FloorRecipe floor) =>
        [.. items.SelectMany(item => Of(item, floor))];

    /// <summary>Looks through what methods found out.</summary>
    public static IEnumerable<string> Of(ImmutableArray<EncoderFindings> findings) =>
        from encoder in findings
        from warning in encoder.Routing?.Warnings ?? []
        select $"{encoder.Encoder}: {warning}";

    /// <summary>Looks at the choice of a method.</summary>
    public static IEnumerable<string> Of(SearchReport? search)
    {
        if (search?.Chosen is { HoldsFloor: false } breaching)
            yield return $"No method tried holds the floor for every item; {breaching.Name} was chosen for its QWK on validation responses.";
        if (search?.Chosen is { ValidationQwk: null } unjudged)
            yield return $"An item has no validation responses: {unjudged.Name} was chosen by its size alone. Upload some with split=validation.";
    }

    static IEnumerable<string> Of(ItemReport item, FloorRecipe floor)
    {
        var (id, served, frozenBase) = (item.ItemId, item.Served.Test, item.FrozenBase.Test);
        if (served?.Qwk < frozenBase?.Qwk)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{id} is served worse than by the base model without any merge: QWK {served.Qwk:F3} against {frozenBase.Qwk:F3} on test responses.");
        }
        if (item.HoldsFloor == false && item.Own?.Validation is { } own && item.Served.Validation is { } validation)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{id} breaches the floor and was kept, as the recipe says: {floor.Metric} {floor.Value(validation):F3} on validation responses, "
                + $"{floor.Value(own):F3} by its own model, and a drop of {floor.MaxDrop} allowed.");
        }
        if (served?.Smd is { } bias && Math.Abs(bias) > LargestBias)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{id} is scored too {(bias > 0 ? "high" : "low")} on average: a standardized mean difference of {bias:F2} on test responses, "
                + $"beyond {LargestBias:F2}.");
        }
        if (served?.Qwk < LeastQwk)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{id} agrees with people's scores by a QWK of {served.Qwk:F3} only; {LeastQwk:F2} is commonly asked for.");
        }
        if (item.Calibration is { ValidationResponses: < ItemCalibration.LeastResponses and var few })
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{id} has {few} validation responses; below {ItemCalibration.LeastResponses} nothing is calibrated, "
                + $"and what a floor or a choice reads from them is chance.");
        }
    }
}
