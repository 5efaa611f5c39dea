using System.Text.Json;
using ScoringService.Api.Problems;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Merging;

/// <summary>Says what is wrong with a merge recipe before it is queued.</summary>
static class MergeRecipeValidation
{
    const string AllItems = "*";

    static readonly string[] Metrics = ["qwk", "accuracy", "macro-f1"];

    /// <summary>Checks a recipe.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="known">Ids of the items that have a model.</param>
    public static Validation Validate(MergeRecipe recipe, IReadOnlySet<string> known)
    {
        var validation = new Validation();
        validation.RequireAnnotations(recipe);
        var items = Items(recipe, known, validation);
        Grouping(recipe.Grouping, items, validation);
        _ = MethodCatalog.Parse(recipe.Method, out var errors);
        foreach (var error in errors)
            validation.Require(false, error.Path, error.Reason);
        validation.Require(Metrics.Contains(recipe.Floor.Metric), "$.floor.metric", $"There are the metrics {string.Join(", ", Metrics)}.");
        validation.Require(recipe.Precision == "fp32", "$.precision", "Encoders are served in fp32.");
        return validation;
    }

    static HashSet<string> Items(MergeRecipe recipe, IReadOnlySet<string> known, Validation validation)
    {
        if (recipe.ItemIds is [AllItems])
        {
            validation.Require(known.Count > 0, "$.itemIds", "No item has a model yet. Train or import one.");
            return [.. known];
        }

        validation.Require(!recipe.ItemIds.IsDefaultOrEmpty, "$.itemIds", "Name the items, or take all that have a model with [\"*\"].");
        var items = new HashSet<string>(StringComparer.Ordinal);
        if (recipe.ItemIds.IsDefault || !validation.RequireNoNull(recipe.ItemIds, "$.itemIds"))
            return items;
        for (var i = 0; i < recipe.ItemIds.Length; i++)
        {
            validation.Require(known.Contains(recipe.ItemIds[i]), $"$.itemIds[{i}]",
                $"There is no item '{recipe.ItemIds[i]}' with a model. Train or import one, or leave the item out.");
            validation.Require(items.Add(recipe.ItemIds[i]), $"$.itemIds[{i}]", $"'{recipe.ItemIds[i]}' stands here twice.");
        }

        return items;
    }

    static void Grouping(GroupingRecipe grouping, HashSet<string> items, Validation validation)
    {
        const string Path = "$.grouping.groups";
        validation.Require(grouping.Linkage == "average", "$.grouping.linkage", "The linkage is 'average'.");
        switch (grouping.Strategy)
        {
            case GroupingStrategy.Manual:
                ManualGroups(grouping.Groups, items, validation, Path);
                break;
            case GroupingStrategy.GromovWasserstein:
                validation.Require(grouping.Groups is { } number
                        ? number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out var groups) && groups >= 1 && groups <= items.Count
                        : grouping.MaxGroupSize is not null,
                    Path, $"Give a number of groups from 1 to {items.Count} (there are so many items), or set maxGroupSize.");
                break;
            default:
                validation.Require(grouping.Groups is null, Path, "Groups are given with the strategies 'gromov-wasserstein' and 'manual' only.");
                break;
        }
    }

    static void ManualGroups(JsonElement? groups, HashSet<string> items, Validation validation, string path)
    {
        string[][]? named = null;
        try
        {
            named = groups?.Deserialize<string[][]>(JsonSerializerOptions.Strict);
        }
        catch (JsonException)
        {
            // Said below, together with a missing member.
        }

        if (named is null)
        {
            validation.Require(false, path, "Give the groups as lists of item ids: [[\"a\",\"b\"],[\"c\"]].");
            return;
        }

        var all = named.SelectMany(group => group ?? []).ToArray();
        validation.Require(all.Distinct().Count() == all.Length, path, "An item stands in two groups.");
        validation.Require(items.SetEquals(all), path, "The groups must hold exactly the items to merge.");
        validation.Require(named.All(group => group is { Length: > 0 }), path, "A group is empty.");
    }
}
