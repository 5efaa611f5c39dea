using Microsoft.EntityFrameworkCore;
using ScoringService.Api.Problems;
using ScoringService.Api.Security;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Idempotency;

/// <summary>Lets a client repeat a POST safely: the same <c>Idempotency-Key</c> gets the first answer again.</summary>
/// <remarks>
/// Answers are kept for a day. Answers that ask to try again (429) and faults of the service (5xx) are not kept, nor are refusals of a
/// streamed body (<see cref="StreamedBodyAttribute"/>) before its end: nobody knows what the rest of it was.
/// </remarks>
sealed class IdempotentPosts(IDbContextFactory<ScoringDb> databases, TimeProvider time) : IMiddleware
{
    public const string HeaderName = "Idempotency-Key";

    const int MaxKeyLength = 255;

    static readonly TimeSpan Lifetime = TimeSpan.FromDays(1);

    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (!HttpMethods.IsPost(context.Request.Method)
            || context.User.Identity?.IsAuthenticated != true
            || !context.Request.Headers.TryGetValue(HeaderName, out var header))
        {
            return next(context);
        }

        var key = header.ToString();
        return key.Length is 0 or > MaxKeyLength || key.Any(c => c is < '!' or > '~')
            ? Problem.Malformed($"{HeaderName} must be 1 to {MaxKeyLength} visible ASCII characters, for example a UUID.").ExecuteAsync(context)
            : RunOnce(context, next, key);
    }

    async Task RunOnce(HttpContext context, RequestDelegate next, string key)
    {
        var stop = context.RequestAborted;
        var streamed = context.GetEndpoint()?.Metadata.GetMetadata<StreamedBodyAttribute>() is not null;
        if (!streamed)
            context.Request.EnableBuffering();
        await using var body = new FingerprintedBody(context.Request);
        var record = new IdempotencyRow
        {
            Tenant = context.User.Tenant(),
            Key = key,
            Fingerprint = streamed ? [] : await body.Drain(stop),
            CreatedAt = time.GetUtcNow(),
        };
        if (await Earlier(record, stop) is { } earlier)
        {
            if (streamed && earlier.Status is not null)
                record.Fingerprint = await body.Drain(stop);
            await Answer(context, record, earlier);
            return;
        }

        if (streamed)
            context.Request.Body = body;
        else
            context.Request.Body.Position = 0;

        using var answer = new MemoryStream();
        var kept = false;
        try
        {
            await RunInto(answer, context, next);
            if (body.Fingerprint is { } fingerprint)
            {
                record.Fingerprint = fingerprint;
                kept = await Keep(record, context.Response, answer);
            }
        }
        finally
        {
            if (!kept)
                await Forget(record);
        }

        answer.Position = 0;
        await answer.CopyToAsync(context.Response.Body, stop);
    }

    /// <summary>Claims the key, unless another request already has.</summary>
    async Task<IdempotencyRow?> Earlier(IdempotencyRow record, CancellationToken stop)
    {
        await using var db = await databases.CreateDbContextAsync(stop);
        var expired = record.CreatedAt - Lifetime;
        await db.IdempotencyRecords.Where(old => old.CreatedAt < expired).ExecuteDeleteAsync(stop);
        var claimed = await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO IdempotencyRecords (Tenant, Key, Fingerprint, CreatedAt)
             VALUES ({record.Tenant}, {record.Key}, {record.Fingerprint}, {record.CreatedAt.UtcDateTime})
             ON CONFLICT DO NOTHING
             """,
            stop);
        return claimed == 1
            ? null
            : await db.IdempotencyRecords.AsNoTracking().SingleAsync(r => r.Tenant == record.Tenant && r.Key == record.Key, stop);
    }

    static async Task Answer(HttpContext context, IdempotencyRow repeated, IdempotencyRow first)
    {
        // As long as the first body is still being read, it cannot be told whether this one differs.
        if (first.Fingerprint.Length > 0 && !first.Fingerprint.AsSpan().SequenceEqual(repeated.Fingerprint))
        {
            await Problem.IdempotencyKeyReused(repeated.Key).ExecuteAsync(context);
        }
        else if (first.Status is not { } status)
        {
            await Problem.Conflict("request-in-progress", "The first request is still running",
                $"A request with Idempotency-Key '{repeated.Key}' is still at work. Repeat it later for its answer.").ExecuteAsync(context);
        }
        else
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = first.ContentType;
            if (first.Location is not null)
                context.Response.Headers.Location = first.Location;
            await context.Response.Body.WriteAsync(first.Body, context.RequestAborted);
        }
    }

    static async Task RunInto(MemoryStream answer, HttpContext context, RequestDelegate next)
    {
        var body = context.Response.Body;
        context.Response.Body = answer;
        try
        {
            await next(context);
        }
        finally
        {
            context.Response.Body = body;
        }
    }

    async Task<bool> Keep(IdempotencyRow record, HttpResponse response, MemoryStream answer)
    {
        if (response.StatusCode is >= 500 or StatusCodes.Status429TooManyRequests)
            return false;

        (record.Status, record.ContentType, record.Location, record.Body) =
            (response.StatusCode, response.ContentType, response.Headers.Location, answer.ToArray());

        // What has been done is remembered even if the caller has gone away meanwhile.
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        db.IdempotencyRecords.Update(record);
        await db.SaveChangesAsync(CancellationToken.None);
        return true;
    }

    async Task Forget(IdempotencyRow record)
    {
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        await db.IdempotencyRecords.Where(r => r.Tenant == record.Tenant && r.Key == record.Key).ExecuteDeleteAsync(CancellationToken.None);
    }
}
