using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Problems;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Health;

/// <summary>Whether the process is up, and whether it can score.</summary>
static class HealthEndpoints
{
    static readonly TimeSpan UntilReady = TimeSpan.FromSeconds(5);

    public static void MapHealth(this IEndpointRouteBuilder app)
    {
        var health = app.MapGroup("/health").WithTags("Health");
        health.MapGet("/live", () => TypedResults.Ok(new Health("live"))).WithName("Live").WithSummary("Whether the process is up");
        health.MapGet("/ready", Ready).WithName("Ready")
            .WithSummary("Whether a bundle is loaded and has scored its probes")
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    // A bundle becomes active only after real forward passes, so an active bundle is a ready one.
    static Results<Ok<Health>, RetryLater> Ready(ActiveBundle active, IHostApplicationLifetime lifetime)
    {
        using var lease = lifetime.ApplicationStopping.IsCancellationRequested ? null : active.Acquire();
        return lease is null ? Problem.NoActiveBundle(UntilReady) : TypedResults.Ok(new Health("ready"));
    }
}

/// <summary>How the service is.</summary>
/// <param name="Status"><c>live</c> or <c>ready</c>.</param>
sealed record Health(string Status);
