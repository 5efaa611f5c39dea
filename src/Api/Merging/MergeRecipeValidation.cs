using System.Globalization;
using System.Text.Json;
using ScoringService.Api.Items;
using ScoringService.Api.Problems;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Merging;

/// <summary>Holds a merge recipe against the items there are, before it is queued and again before it runs.</summary>
static class MergeRecipeValidation
{
    const string AllItems = "*";

    /// <summary>Checks a recipe.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="defined">The items that are defined.</param>
    /// <param name="validation">Receives what is wrong.</param>
    /// <returns>Ids of the items to merge, in the order of the recipe; sorted where it takes all.</returns>
    public static string[] ItemsOf(MergeRecipe recipe, IReadOnlyList<ItemView> defined, Validation validation)
    {
        validation.RequireAnnotations(recipe);
        validation.Require(recipe.Precision == "fp32", "$.precision", "Encoders are served in fp32.");
        validation.Require(recipe.Grouping.Linkage == "average", "$.grouping.linkage", "The linkage is 'average'.");
        var method = MethodCatalog.Parse(recipe.Method, out var errors);
        foreach (var error in errors)
            validation.Require(false, error.Path, error.Reason);

        var modelNeeded = method is null or { NeedsItemModels: true } || Grouping.NeedsAlignment(recipe.Grouping);
        var ready = defined.Where(item => item.Responses.Train > 0 && (item.Model is not null || !modelNeeded)).Select(item => item.ItemId).ToArray();
        var lacks = modelNeeded
            ? "with training responses and a model. Upload responses, then train or import one"
            : "with training responses. Upload some";
        var items = Select(recipe, ready, lacks, validation);
        RequirePlan(recipe.Grouping, items, validation);
        return items;
    }

    static string[] Select(MergeRecipe recipe, string[] ready, string lacks, Validation validation)
    {
        if (recipe.ItemIds is [AllItems])
        {
            validation.Require(ready.Length > 0, "$.itemIds", $"There is no item {lacks}.");
            return ready;
        }

        validation.Require(!recipe.ItemIds.IsDefaultOrEmpty, "$.itemIds", "Name the items, or take all that are ready with [\"*\"].");
        if (recipe.ItemIds.IsDefault || !validation.RequireNoNull(recipe.ItemIds, "$.itemIds"))
            return [];
        for (var i = 0; i < recipe.ItemIds.Length; i++)
        {
            var (id, path) = (recipe.ItemIds[i], string.Create(CultureInfo.InvariantCulture, $"$.itemIds[{i}]"));
            validation.Require(ready.Contains(id), path, $"There is no item '{id}' {lacks}, or leave the item out.");
            validation.Require(recipe.ItemIds.IndexOf(id) == i, path, $"'{id}' stands here twice.");
        }

        return [.. recipe.ItemIds];
    }

    static void RequirePlan(GroupingRecipe grouping, string[] items, Validation validation)
    {
        const string Path = "$.grouping.groups";
        if (validation.Failed)
            return;
        if (Grouping.NeedsAlignment(grouping))
        {
            validation.Require(grouping.Groups is not { } groups
                    || (groups.ValueKind == JsonValueKind.Number && groups.TryGetInt32(out var number) && number >= 1 && number <= items.Length),
                Path, $"Give a number of groups from 1 to {items.Length}, as many as there are items, or leave it out.");
            return;
        }

        try
        {
            _ = Grouping.Plan(grouping, items, dendrogram: null);
        }
        catch (MergePlanException impossible)
        {
            validation.Require(false, Path, impossible.Message);
        }
    }
}
