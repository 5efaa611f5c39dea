using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Scores, and the items that can be scored now.</summary>
static class ScoreEndpoints
{
    public static void MapScoring(this RouteGroupBuilder group)
    {
        var scoring = group.MapGroup("").WithTags("Scoring");
        scoring.MapPost("/items/{itemId}/scores", ScoreItem).WithName("ScoreItem")
            .WithSummary("Score responses to one item")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        scoring.MapPost("/scores", ScoreMixed).WithName("ScoreMixed")
            .WithSummary("Score responses to any items")
            .WithDescription("A response to an item that cannot be scored is rejected by itself; the others are scored.")
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        scoring.MapGet("/items", List).WithName("ListItems").WithSummary("List the items that can be scored now");
        scoring.MapGet("/items/{itemId}", Get).WithName("GetItem").WithSummary("Show an item that can be scored now")
            .ProducesProblem(StatusCodes.Status404NotFound);
    }

    public static ProblemHttpResult NotFound(string itemId) =>
        Problem.NotFound("item", itemId, "The active bundle scores the items that GET /v1/items lists.");

    [Timed]
    static Task<Results<Ok<ItemScores>, ProblemHttpResult, RetryLater>> ScoreItem(
        string itemId, ItemScoreRequest request, ScoringDesk desk, HttpContext http, CancellationToken stop) => desk.Score(
            Array.ConvertAll(request.Responses, response => new ResponseToScore(response.ResponseId, itemId, response.Text)),
            itemId, results => new ItemScores(itemId, results), http, stop);

    [Timed]
    static Task<Results<Ok<MixedScores>, ProblemHttpResult, RetryLater>> ScoreMixed(
        MixedScoreRequest request, ScoringDesk desk, HttpContext http, CancellationToken stop) => desk.Score(
            Array.ConvertAll(request.Responses, response => new ResponseToScore(response.ResponseId, response.ItemId, response.Text)),
            itemId: null, results => new MixedScores(results), http, stop);

    static Ok<ScorableItems> List(ScoringDesk desk) => TypedResults.Ok(new ScorableItems(desk.Items()));

    static Results<Ok<ScorableItem>, ProblemHttpResult> Get(string itemId, ScoringDesk desk) =>
        desk.Items().FirstOrDefault(item => item.ItemId == itemId) is { } item ? TypedResults.Ok(item) : NotFound(itemId);
}
