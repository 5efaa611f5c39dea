using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.Problems;
using ScoringService.Api.Security;

namespace ScoringService.Api.Training;

/// <summary>The jobs that fine-tune item models.</summary>
static class TrainingJobEndpoints
{
    public static void MapTraining(this RouteGroupBuilder admin)
    {
        var jobs = admin.MapGroup("/training-jobs").WithTags("Training jobs");
        jobs.MapPost("/", Start).WithName("StartTrainingJob")
            .WithSummary("Train a model for each of some items");
        jobs.MapJobs(JobKinds.Training, "TrainingJob");
    }

    static async Task<Results<Accepted<JobView>, ProblemHttpResult>> Start(
        TrainingJobRequest request, ItemStore items, BaseModels baseModels, JobQueue queue, ClaimsPrincipal caller, CancellationToken stop)
    {
        var validation = Validate(request, (await items.List(stop)).Items.ToDictionary(item => item.ItemId));
        validation.Require(baseModels.Exists(request.BaseModel), "$.baseModel",
            $"There is no base model '{request.BaseModel}'. GET /v1/admin/base-models lists them.");
        if (validation.Failed)
            return validation.Problem;

        var job = await queue.Enqueue(JobKinds.Training, request, caller.Tenant(), stop);
        return TypedResults.Accepted($"/v1/admin/training-jobs/{job.Id}", job);
    }

    static Validation Validate(TrainingJobRequest request, Dictionary<string, ItemView> items)
    {
        var validation = new Validation();
        validation.RequireAnnotations(request);
        validation.Require(request.ItemIds.Length > 0, "$.itemIds", "Name at least one item.");
        if (!validation.RequireNoNull(request.ItemIds, "$.itemIds"))
            return validation;

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < request.ItemIds.Length; i++)
        {
            var (id, path) = (request.ItemIds[i], $"$.itemIds[{i}]");
            validation.Require(seen.Add(id), path, $"'{id}' stands here twice.");
            if (!items.TryGetValue(id, out var item))
                validation.Require(false, path, $"There is no item '{id}'. Define it with PUT /v1/admin/items/{{itemId}}.");
            else
                validation.Require(item.Responses.Train > 0, path,
                    $"'{id}' has no training responses. Upload some with PUT /v1/admin/items/{id}/responses?split=train.");
        }

        return validation;
    }
}
