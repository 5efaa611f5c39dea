using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace ScoringService.Api.Problems;

/// <summary>A problem that goes away by itself: 429 or 503 with <c>Retry-After</c>.</summary>
/// <param name="Seconds">When to try again.</param>
/// <param name="Problem">What is wrong until then.</param>
sealed record RetryLater(int Seconds, ProblemHttpResult Problem) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers.RetryAfter = Seconds.ToString(CultureInfo.InvariantCulture);
        return Problem.ExecuteAsync(httpContext);
    }
}
