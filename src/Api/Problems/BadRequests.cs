using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Problems;

/// <summary>Turns what the framework throws while it reads a request into a problem that names the place.</summary>
sealed class BadRequests : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is not BadHttpRequestException bad)
            return false;

        var problem = bad switch
        {
            { InnerException: RecipeException recipe } => Problem.Invalid(recipe.Path, $"Line {recipe.Line}: {recipe.Reason}"),
            { InnerException: JsonException { Path: { } path } json } => Problem.Invalid(path, Sentence(json)),
            { InnerException: JsonException json } => Problem.Malformed(Sentence(json)),
            { StatusCode: StatusCodes.Status400BadRequest } => Problem.Malformed(bad.Message),
            _ => TypedResults.Problem(Problem.OfStatus(bad.StatusCode, httpContext.Request)),
        };
        await problem.ExecuteAsync(httpContext);
        return true;
    }

    // The serializer appends the path, which has its own place, and positions in bytes.
    static string Sentence(JsonException exception) => exception.Message.Split(" Path: ")[0];
}
