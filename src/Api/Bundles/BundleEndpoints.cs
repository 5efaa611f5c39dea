using System.Net.Mime;
using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Problems;
using ScoringService.Api.Storage;
using ScoringService.Inference.Bundles;

namespace ScoringService.Api.Bundles;

/// <summary>The published bundles.</summary>
static class BundleEndpoints
{
    public static void MapBundles(this RouteGroupBuilder admin)
    {
        var bundles = admin.MapGroup("/bundles").WithTags("Bundles");
        bundles.MapGet("/", List).WithName("ListBundles").WithSummary("List the bundles, newest first");
        bundles.MapGet("/{id}", Get).WithName("GetBundle").WithSummary("Show a bundle's manifest, byte by byte as its id hashes it")
            .Produces<BundleManifest>()
            .ProducesProblem(StatusCodes.Status404NotFound);
        bundles.MapPost("/{id}/activate", Activate).WithName("ActivateBundle")
            .WithSummary("Let a bundle answer requests")
            .WithDescription("The bundle is verified, loaded and probed first; requests under way finish on the one they began with.")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
        bundles.MapPost("/rollback", RollBack).WithName("RollBackBundle")
            .WithSummary("Let the bundle before the active one answer again")
            .ProducesProblem(StatusCodes.Status409Conflict);
        bundles.MapDelete("/{id}", Delete).WithName("DeleteBundle").WithSummary("Delete a bundle that is not active")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    static async Task<Ok<BundleList>> List(BundleStore bundles, CancellationToken stop) => TypedResults.Ok(await bundles.List(stop));

    static async Task<Results<PhysicalFileHttpResult, ProblemHttpResult>> Get(
        string id, BundleStore bundles, DataDirectory directory, CancellationToken stop) =>
        await bundles.Find(id, stop) is null
            ? NotFound(id)
            : TypedResults.PhysicalFile(directory.BundleManifest(id), MediaTypeNames.Application.Json);

    static async Task<Results<Ok<BundleView>, ProblemHttpResult>> Activate(
        string id, BundleActivation activation, BundleStore bundles, CancellationToken stop) => await activation.Activate(id, stop) switch
        {
            { Id: null } => NotFound(id),
            { Obstacle: { } obstacle } => Unusable(id, obstacle),
            _ => TypedResults.Ok((await bundles.Find(id, stop))!),
        };

    static async Task<Results<Ok<BundleView>, ProblemHttpResult>> RollBack(
        BundleActivation activation, BundleStore bundles, CancellationToken stop) => await activation.RollBack(stop) switch
        {
            { Id: null } => Problem.Conflict("no-earlier-bundle", "There is no earlier bundle",
                "No other bundle was active before the present one. Activate one with POST /v1/admin/bundles/{id}/activate."),
            { Obstacle: { } obstacle, Id: var id } => Unusable(id, obstacle),
            { Id: var id } => TypedResults.Ok((await bundles.Find(id, stop))!),
        };

    static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        string id, BundleActivation activation, BundleStore bundles, CancellationToken stop)
    {
        if (await bundles.Find(id, stop) is null)
            return NotFound(id);
        return await activation.Delete(id, stop)
            ? TypedResults.NoContent()
            : Problem.Conflict("bundle-active", "The bundle is active", $"Bundle '{id}' answers requests. Activate another one or roll back first.");
    }

    static ProblemHttpResult NotFound(string id) => Problem.NotFound("bundle", id, "The list of bundles shows the ids there are.");

    static ProblemHttpResult Unusable(string id, string reason) =>
        Problem.Conflict("bundle-unusable", "The bundle cannot be used", $"Bundle '{id}' stays out of service: {reason}");
}
