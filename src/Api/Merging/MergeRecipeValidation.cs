using System.Globalization;
using ScoringService.Api.Items;
using ScoringService.Api.LanguageModels;
using ScoringService.Api.Problems;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Merging;

/// <summary>Holds a merge recipe against the items there are, before it is queued and again before it runs.</summary>
static class MergeRecipeValidation
{
    const string AllItems = "*";

    // A matrix with more mistakes than this has one that explains them all.
    const int MostBreaches = 20;

    /// <summary>Checks a recipe.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="defined">The items that are defined.</param>
    /// <param name="languageModel">Whether a language model can be asked.</param>
    /// <param name="validation">Receives what is wrong.</param>
    /// <returns>Ids of the items to merge, in the order of the recipe; sorted where it takes all.</returns>
    public static string[] ItemsOf(MergeRecipe recipe, IReadOnlyList<ItemView> defined, LanguageModelOptions languageModel, Validation validation)
    {
        validation.RequireAnnotations(recipe);
        validation.Require(recipe.Precision is "fp32" or MergeRecipe.EightBits, "$.precision", "Encoders are served in 'fp32' or 'int8'.");
        var method = MethodCatalog.Parse(recipe.Method, out var errors);
        foreach (var error in errors)
            validation.Require(false, error.Path, error.Reason);

        var modelNeeded = method is null or { NeedsItemModels: true } || Grouping.NeedsAlignment(recipe.Grouping);
        var ready = defined.Where(item => item.Responses.Train > 0 && (item.Model is not null || !modelNeeded)).Select(item => item.ItemId).ToArray();
        var lacks = modelNeeded
            ? "with training responses and a model. Upload responses, then train or import one"
            : "with training responses. Upload some";
        var items = Select(recipe, ready, lacks, validation);
        RequireSimilarities(recipe, items, languageModel, validation);
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

    static void RequireSimilarities(MergeRecipe recipe, string[] items, LanguageModelOptions languageModel, Validation validation)
    {
        const string Path = "$.grouping.similarity";
        var grouping = recipe.Grouping;
        if (grouping.Strategy == GroupingStrategy.LanguageModel)
        {
            validation.Require(languageModel.IsConfigured, "$.grouping.strategy",
                "No language model is configured. Set LanguageModel:Endpoint and LanguageModel:Model, and LanguageModel:ApiKey where the "
                + "endpoint wants one, or choose another strategy.");
            validation.Require(items.Length <= languageModel.MaxItems, "$.grouping.strategy",
                $"A language model rates at most {languageModel.MaxItems} items (LanguageModel:MaxItems); there are {items.Length}. "
                + "Take fewer, or raise the setting.");
        }

        if (grouping.Strategy != GroupingStrategy.Expert)
        {
            validation.Require(grouping.Similarity is null, Path, "Similarities belong to the strategy 'expert'. Choose it or leave them out.");
            return;
        }

        validation.Require(recipe.ItemIds is not [AllItems], "$.itemIds",
            "Name the items one by one: the rows of grouping.similarity stand in their order.");
        validation.Require(grouping.Similarity is not null, Path, "The strategy 'expert' needs a similarity of every two items.");
        if (validation.Failed)
            return;
        foreach (var breach in SimilarityRules.Breaches(grouping.Similarity!.Value, items).Take(MostBreaches))
            validation.Require(false, Path + breach.Place, breach.Reason);
    }

    static void RequirePlan(GroupingRecipe grouping, string[] items, Validation validation)
    {
        const string Path = "$.grouping.groups";
        if (validation.Failed)
            return;
        try
        {
            _ = Grouping.NeedsClustering(grouping)
                ? Grouping.NumberOfGroups(grouping, items.Length)
                : Grouping.Plan(grouping, items, dendrogram: null).Encoders;
        }
        catch (MergePlanException impossible)
        {
            validation.Require(false, Path, impossible.Message);
        }
    }
}
