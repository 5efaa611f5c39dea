using System.Net.Mime;
using Microsoft.AspNetCore.Http.HttpResults;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Jobs;

/// <summary>What every kind of job answers to.</summary>
static class JobEndpoints
{
    const string EventType = "job";

    /// <summary>Maps list, one, events and cancel for the jobs of one kind.</summary>
    /// <param name="jobs">The group of that kind.</param>
    /// <param name="kind">The kind; see <see cref="JobKinds"/>.</param>
    /// <param name="noun">What the routes' names say for the kind, e.g. <c>TrainingJob</c>.</param>
    public static void MapJobs(this RouteGroupBuilder jobs, string kind, string noun)
    {
        jobs.MapGet("/", (JobQueue queue, CancellationToken stop) => List(kind, queue, stop))
            .WithName($"List{noun}s")
            .WithSummary("List the jobs, newest first");
        jobs.MapGet("/{id}", (string id, JobQueue queue, CancellationToken stop) => Get(kind, id, queue, stop))
            .WithName($"Get{noun}")
            .WithSummary("Show a job")
            .ProducesProblem(StatusCodes.Status404NotFound);
        jobs.MapGet("/{id}/events", (string id, JobQueue queue, JobFeed feed, IHostApplicationLifetime lifetime, CancellationToken stop) =>
                Events(kind, id, queue, feed, lifetime, stop))
            .WithName($"Watch{noun}")
            .WithSummary("Follow a job until it ends (Server-Sent Events; every event carries the whole job)")
            .Produces<JobView>(StatusCodes.Status200OK, MediaTypeNames.Text.EventStream)
            .ProducesProblem(StatusCodes.Status404NotFound);
        jobs.MapPost("/{id}/cancel", (string id, JobQueue queue, CancellationToken stop) => Cancel(kind, id, queue, stop))
            .WithName($"Cancel{noun}")
            .WithSummary("Cancel a job; one that runs ends soon after")
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);
    }

    static async Task<Ok<JobList>> List(string kind, JobQueue queue, CancellationToken stop) =>
        TypedResults.Ok(await queue.List(kind, stop));

    static async Task<Results<Ok<JobView>, ProblemHttpResult>> Get(string kind, string id, JobQueue queue, CancellationToken stop) =>
        await queue.Find(kind, id, stop) is { } job ? TypedResults.Ok(job) : NotFound(id);

    static async Task<Results<ServerSentEventsResult<JobView>, ProblemHttpResult>> Events(
        string kind, string id, JobQueue queue, JobFeed feed, IHostApplicationLifetime lifetime, CancellationToken stop)
    {
        if (await queue.Find(kind, id, stop) is null)
            return NotFound(id);

        return TypedResults.ServerSentEvents(Follow(), EventType);

        async IAsyncEnumerable<JobView> Follow()
        {
            // An open stream must not hold up the end of the service.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, lifetime.ApplicationStopping);
            await foreach (var job in feed.Listen(id, token => queue.Find(kind, id, token), either.Token))
                yield return job;
        }
    }

    static async Task<Results<Ok<JobView>, ProblemHttpResult>> Cancel(string kind, string id, JobQueue queue, CancellationToken stop) =>
        await queue.Cancel(kind, id, stop) switch
        {
            null => NotFound(id),
            { State: JobState.Succeeded or JobState.Failed } ended => Problem.Conflict("job-ended", "The job has already ended",
                $"Job '{id}' ended at {ended.FinishedAt:O}; there is nothing to cancel."),
            var job => TypedResults.Ok(job),
        };

    public static ProblemHttpResult NotFound(string id) => Problem.NotFound("job", id, "The list of jobs shows the ids there are.");
}
