using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using ScoringService.Api.Jobs;
using ScoringService.Api.Scoring;
using ScoringService.Api.Security;
using ScoringService.Api.Storage;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.ScoreBatches;

/// <summary>Receives batches: from the connection to disk, checked on the way. A batch is there whole or not at all.</summary>
sealed class ScoreBatchIntake(
    DataDirectory data, ScoreBatchQueue queue, IOptions<ScoreBatchOptions> options, IOptions<ScoringOptions> limits, IOptions<JsonOptions> json,
    TimeProvider time)
{
    /// <summary>Content type of one response or result a line.</summary>
    public const string Ndjson = "application/x-ndjson";

    /// <summary>Receives a batch and puts it into the queue.</summary>
    /// <returns>The batch, or what is wrong with it.</returns>
    public async Task<(ScoreBatchView? Batch, ProblemHttpResult? Problem)> Receive(HttpContext http, CancellationToken stop)
    {
        using var directory = AtomicDirectory.Stage(data.ScoreBatches);
        IncomingBatch incoming;
        await using (var file = new ResponseFile.Writer(directory.Path))
        {
            incoming = new(file, options.Value.MaxResponses, limits.Value.MaxTextLength);
            await Reader(http.Request).Read(http.Request.BodyReader, incoming, stop);
            if (incoming is { Count: 0, Validation.Failed: false })
                incoming.RefuseRest(("$.responses", ""), $"Send 1 to {incoming.MaxResponses} responses at a time; there is none.");
            if (incoming.Validation.Failed)
                return (null, incoming.Validation.Problem);
            await file.FlushAll(stop);
        }

        var now = time.GetUtcNow();
        var batch = new ScoreBatchRow
        {
            Id = Guid.CreateVersion7(now).ToString("N"),
            Tenant = http.User.Tenant(),
            State = JobState.Queued,
            Total = incoming.Count,
            CreatedAt = now,
        };
        directory.Publish(batch.Id);
        return (await queue.Enqueue(batch, CancellationToken.None), null);
    }

    IncomingResponses Reader(HttpRequest request)
    {
        // Routing refuses other types, but lets requests through that name none.
        if (request.ContentType is not { } type)
            throw new BadHttpRequestException("The request names no Content-Type.", StatusCodes.Status415UnsupportedMediaType);
        return type.StartsWith(Ndjson, StringComparison.OrdinalIgnoreCase)
            ? new NdjsonResponses(json.Value.SerializerOptions)
            : new JsonResponses(json.Value.SerializerOptions);
    }
}
