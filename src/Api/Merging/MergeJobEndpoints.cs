using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.LanguageModels;
using ScoringService.Api.Problems;
using ScoringService.Api.Security;

namespace ScoringService.Api.Merging;

/// <summary>The jobs that merge item models into a bundle.</summary>
static class MergeJobEndpoints
{
    public static void MapMerging(this RouteGroupBuilder admin)
    {
        var jobs = admin.MapGroup("/merge-jobs").WithTags("Merge jobs");
        jobs.MapPost("/", Start).WithName("StartMergeJob")
            .WithSummary("Merge item models into a bundle")
            .WithDescription("The recipe as JSON, or as YAML that says the same: no anchors, aliases, tags or directives.");
        jobs.MapJobs(JobKinds.Merge, "MergeJob");
        jobs.MapReport();
    }

    static async Task<Results<Accepted<JobView>, ProblemHttpResult>> Start(
        PostedRecipe posted,
        ItemStore items,
        IOptions<LanguageModelOptions> languageModel,
        JobQueue queue,
        ClaimsPrincipal caller,
        CancellationToken stop)
    {
        var (recipe, validation) = (posted.Recipe, new Validation());
        _ = MergeRecipeValidation.ItemsOf(recipe, (await items.List(stop)).Items, languageModel.Value, validation);
        if (validation.Failed)
            return validation.Problem;

        var job = await queue.Enqueue(JobKinds.Merge, recipe, caller.Tenant(), stop);
        return TypedResults.Accepted($"/v1/admin/merge-jobs/{job.Id}", job);
    }
}
