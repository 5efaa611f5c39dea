using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace ScoringService.Api.Problems;

/// <summary>Every error the service answers with (RFC 9457), each under its stable type.</summary>
static class Problem
{
    const string TypePrefix = "urn:scoring:problem:";

    /// <summary>Where <see cref="ProblemDetails.Extensions"/> keep the messages of a refused request, by JSON path.</summary>
    public const string ErrorsMember = "errors";

    public static ProblemHttpResult Malformed(string detail) =>
        Create(StatusCodes.Status400BadRequest, "malformed-request", "The request cannot be read", detail);

    /// <param name="errors">Messages by JSON path, such as <c>$.responses[3].text</c>.</param>
    public static ProblemHttpResult Invalid(IReadOnlyDictionary<string, string[]> errors)
    {
        var first = errors.First();
        var problem = Details(
            StatusCodes.Status400BadRequest, "invalid-request", "The request is not valid", $"{first.Key}: {first.Value[0]}");
        problem.Extensions[ErrorsMember] = errors;
        return TypedResults.Problem(problem);
    }

    public static ProblemHttpResult Invalid(string path, string message) =>
        Invalid(new Dictionary<string, string[]> { [path] = [message] });

    public static ProblemHttpResult Unauthenticated(string reason) =>
        Create(StatusCodes.Status401Unauthorized, "unauthenticated", "An API key is needed",
            $"{reason} Send a live key as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'.");

    public static ProblemHttpResult Forbidden() =>
        Create(StatusCodes.Status403Forbidden, "missing-scope", "The key lacks a scope",
            "Paths under /v1/admin need a key with the scope 'admin', the others one with the scope 'score'.");

    public static ProblemHttpResult NotFound(string what, string id, string remedy) =>
        TypedResults.Problem(NotFoundDetails(what, id, remedy));

    public static ProblemDetails NotFoundDetails(string what, string id, string remedy) =>
        Details(StatusCodes.Status404NotFound, $"{what.Replace(' ', '-')}-not-found", $"No such {what}", $"There is no {what} '{id}'. {remedy}");

    public static ProblemHttpResult Conflict(string name, string title, string detail) =>
        Create(StatusCodes.Status409Conflict, name, title, detail);

    public static ProblemHttpResult IdempotencyKeyReused(string key) =>
        Create(StatusCodes.Status422UnprocessableEntity, "idempotency-key-reused", "The idempotency key belongs to another request",
            $"Idempotency-Key '{key}' came first with another path or body. Use a new key for a new request.");

    public static RetryLater RateLimited(TimeSpan retryAfter) =>
        Retry(StatusCodes.Status429TooManyRequests, "rate-limited", "Too many requests", "This key sends faster than it may.", retryAfter);

    public static RetryLater QueueFull(TimeSpan retryAfter) =>
        Retry(StatusCodes.Status429TooManyRequests, "queue-full", "The scoring queue is full",
            "More responses are waiting than can be scored in time.", retryAfter);

    public static RetryLater NoActiveBundle(TimeSpan retryAfter) =>
        Retry(StatusCodes.Status503ServiceUnavailable, "no-active-bundle", "Nothing can be scored yet",
            "No bundle is active. An administrator has to merge item models and activate the bundle, or it is being loaded just now.", retryAfter);

    /// <summary>The problem of a status that the framework set without saying more.</summary>
    public static ProblemDetails OfStatus(int status, HttpRequest request) => status switch
    {
        StatusCodes.Status404NotFound => Details(status, "route-not-found", "No such route",
            $"There is nothing at {request.Path}. The routes are described at /swagger."),
        StatusCodes.Status405MethodNotAllowed => Details(status, "method-not-allowed", "Method not allowed",
            $"{request.Path} does not take {request.Method}; the header Allow names the methods it takes."),
        StatusCodes.Status408RequestTimeout => Details(status, "request-timeout", "The request came too slowly",
            "Send the body faster, or in smaller parts."),
        StatusCodes.Status413PayloadTooLarge => Details(status, "request-too-large", "The request is too large",
            "Send fewer or shorter responses at a time."),
        StatusCodes.Status415UnsupportedMediaType => Details(status, "unsupported-media-type", "The content type is not supported",
            "Set Content-Type to one that this route documents at /swagger, in UTF-8."),
        >= 500 => Details(status, "internal-error", "The service failed",
            "This is a fault of the service, not of the request. Report it with the traceId."),
        _ => Details(status, "malformed-request", "The request cannot be read",
            "The request does not follow HTTP or this route's description at /swagger."),
    };

    static ProblemHttpResult Create(int status, string name, string title, string detail) =>
        TypedResults.Problem(Details(status, name, title, detail));

    static ProblemDetails Details(int status, string name, string title, string detail) =>
        new() { Type = TypePrefix + name, Title = title, Status = status, Detail = detail };

    static RetryLater Retry(int status, string name, string title, string detail, TimeSpan retryAfter)
    {
        var seconds = Math.Max(1, (int)Math.Ceiling(retryAfter.TotalSeconds));
        return new(seconds, Create(status, name, title, string.Create(CultureInfo.InvariantCulture, $"{detail} Try again in {seconds} s.")));
    }
}
