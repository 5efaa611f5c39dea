using System.Diagnostics;
using System.Net.Mime;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace ScoringService.Api.Problems;

/// <summary>Writes problems whatever the request's Accept header says, with the trace id by which the log knows the request.</summary>
sealed class ProblemWriter(IOptions<JsonOptions> json) : IProblemDetailsWriter
{
    public bool CanWrite(ProblemDetailsContext context) => true;

    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var (http, problem) = (context.HttpContext, context.ProblemDetails);
        if (problem.Type?.StartsWith("urn:", StringComparison.Ordinal) != true)
            problem = Problem.OfStatus(http.Response.StatusCode, http.Request);

        problem.Extensions["traceId"] = Activity.Current?.Id ?? http.TraceIdentifier;
        await http.Response.WriteAsJsonAsync(
            problem, json.Value.SerializerOptions, MediaTypeNames.Application.ProblemJson, http.RequestAborted);
    }
}
