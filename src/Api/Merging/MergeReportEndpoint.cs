using System.Net.Mime;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Jobs;
using ScoringService.Api.Merging.Report;
using ScoringService.Api.Problems;
using ScoringService.Api.Storage;
using ScoringService.Merging;

namespace ScoringService.Api.Merging;

/// <summary>The report of a merge job, as JSON or as a page.</summary>
static class MergeReportEndpoint
{
    public static void MapReport(this RouteGroupBuilder jobs) =>
        jobs.MapGet("/{id}/report", Get).WithName("GetMergeReport")
            .WithSummary("Show what a merge did and what it cost: as JSON, or with Accept: text/html as a page")
            .Produces<MergeReport>(StatusCodes.Status200OK, MediaTypeNames.Application.Json, MediaTypeNames.Text.Html)
            .ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict);

    static async Task<Results<PhysicalFileHttpResult, ContentHttpResult, ProblemHttpResult>> Get(
        string id, JobQueue queue, DataDirectory directory, IOptions<JsonOptions> json, HttpRequest request, CancellationToken stop)
    {
        if (await queue.Find(JobKinds.Merge, id, stop) is not { } job)
            return JobEndpoints.NotFound(id);

        var path = directory.MergeReport(job.Id);
        if (!File.Exists(path))
            return Problem.Conflict("no-report", "There is no report",
                $"Job '{id}' is {job.State.ToString().ToLowerInvariant()}; a merge that succeeded has a report.");
        if (!PrefersHtml(request))
            return TypedResults.PhysicalFile(path, MediaTypeNames.Application.Json);

        var report = JsonSerializer.Deserialize<MergeReport>(await File.ReadAllBytesAsync(path, stop), json.Value.SerializerOptions)!;
        // The page has no script; should a title ever slip one in, it does not run.
        request.HttpContext.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'";
        return TypedResults.Content(MergeReportPage.Render(job, report), MediaTypeNames.Text.Html, System.Text.Encoding.UTF8);
    }

    static bool PrefersHtml(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        return Quality(MediaTypeNames.Text.Html) > Quality(MediaTypeNames.Application.Json);

        double Quality(string type) =>
            accepted.Where(range => range.MatchesMediaType(type)).Select(range => range.Quality ?? 1).DefaultIfEmpty().Max();
    }
}
