using System.Net.Mime;
using System.Security.Claims;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using ScoringService.Api.Idempotency;
using ScoringService.Api.Jobs;
using ScoringService.Api.Problems;
using ScoringService.Api.Security;
using ScoringService.Api.Storage;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>Large sets of responses, scored in the background.</summary>
static class ScoreBatchEndpoints
{
    public static void MapScoreBatches(this RouteGroupBuilder scoring)
    {
        var limits = ((IEndpointRouteBuilder)scoring).ServiceProvider.GetRequiredService<IOptions<ScoreBatchOptions>>().Value;
        var batches = scoring.MapGroup("/score-batches").WithTags("Score batches");
        batches.MapPost("/", Start).WithName("StartScoreBatch")
            .WithSummary("Score a large set of responses in the background")
            .WithDescription(
                "As JSON, or as NDJSON with one response a line. The body is checked while it comes in: a batch is taken whole, or refused with "
                + "its first faults, by line or JSON path, and nothing is kept. Ids need not be unique; results come in the order of the "
                + "responses. With an Idempotency-Key, a refusal before the end of the body is not kept.")
            .Accepts<ScoreBatchRequest>(MediaTypeNames.Application.Json, ScoreBatchIntake.Ndjson)
            .WithMetadata(new RequestSizeLimitAttribute(limits.MaxBodyBytes))
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        batches.MapGet("/{id}", Get).WithName("GetScoreBatch")
            .WithSummary("Show a batch")
            .ProducesProblem(StatusCodes.Status404NotFound);
        batches.MapGet("/{id}/results", GetResults).WithName("GetScoreBatchResults")
            .WithSummary("Get the results of a batch, in the order of its responses")
            .WithDescription(
                "NDJSON, one result a line. While the batch runs: those that are there. Ask again with 'after' set to the number of results you "
                + "have, also after a broken connection. When the batch had ended before you asked, what you get is the rest. "
                + "A cancelled or failed batch keeps the results it had.")
            .Produces<ResponseResult>(StatusCodes.Status200OK, ScoreBatchIntake.Ndjson)
            .ProducesProblem(StatusCodes.Status404NotFound);
        batches.MapDelete("/{id}", Cancel).WithName("CancelScoreBatch")
            .WithSummary("Cancel a batch; its results so far are kept, and one that has ended stays as it is")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    [StreamedBody]
    static async Task<Results<Accepted<ScoreBatchView>, ProblemHttpResult>> Start(
        HttpContext http, ScoreBatchIntake intake, CancellationToken stop) =>
        await intake.Receive(http, stop) switch
        {
            ({ } batch, _) => TypedResults.Accepted($"/v1/score-batches/{batch.Id}", batch),
            var (_, problem) => problem!,
        };

    static async Task<Results<Ok<ScoreBatchView>, ProblemHttpResult>> Get(
        string id, ScoreBatchQueue queue, ClaimsPrincipal caller, CancellationToken stop) =>
        await queue.Find(caller.Tenant(), id, stop) is { } batch ? TypedResults.Ok(batch) : NotFound(id);

    /// <param name="id">Id of the batch.</param>
    /// <param name="after">Number of results that the caller has already; default 0.</param>
    /// <param name="queue">The batches.</param>
    /// <param name="data">Where the results lie.</param>
    /// <param name="http">Receives the results.</param>
    /// <param name="stop">The caller went away.</param>
    static async Task<IResult> GetResults(
        string id, long? after, ScoreBatchQueue queue, DataDirectory data, HttpContext http, CancellationToken stop)
    {
        if (await queue.Find(http.User.Tenant(), id, stop) is null)
            return NotFound(id);
        if (after < 0)
            return Problem.Invalid("after", "Give the number of results that you have already: 0 or more.");

        http.Response.ContentType = ScoreBatchIntake.Ndjson;
        if (ResultFile.After(data.ScoreBatch(id), after ?? 0) is var (path, offset, length))
        {
            http.Response.ContentLength = length;
            await http.Response.SendFileAsync(path, offset, length, stop);
        }

        return Results.Empty;
    }

    static async Task<Results<NoContent, ProblemHttpResult>> Cancel(
        string id, ScoreBatchQueue queue, DataDirectory data, ClaimsPrincipal caller, CancellationToken stop)
    {
        if (await queue.Cancel(caller.Tenant(), id, stop) is not { } batch)
            return NotFound(id);
        if (batch.State == JobState.Cancelled)
            ResponseFile.Delete(data.ScoreBatch(id));
        return TypedResults.NoContent();
    }

    static ProblemHttpResult NotFound(string id) =>
        Problem.NotFound("score batch", id, "The answer to POST /v1/score-batches names the id in its Location.");
}
