using System.Collections.Immutable;
using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using ScoringService.Api.Problems;
using ScoringService.Api.Security;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Takes responses in, has the active bundle score them, and says how long it took.</summary>
sealed class ScoringDesk(ActiveBundle active, IOptions<ScoringOptions> limits, TimeProvider time)
{
    static readonly TimeSpan UntilABundleMayBeActive = TimeSpan.FromSeconds(5);
    static readonly TimeSpan UntilTheRateIsMeasured = TimeSpan.FromSeconds(1);

    /// <summary>Scores the responses of one request.</summary>
    /// <typeparam name="T">The answer.</typeparam>
    /// <param name="responses">The responses, in the order of the request.</param>
    /// <param name="itemId">The item that the request is about; null when each response names its own.</param>
    /// <param name="answer">Makes the answer of the results.</param>
    /// <param name="http">Says who asks, and receives the headers that say how long it took.</param>
    /// <param name="stop">The caller went away.</param>
    public async Task<Results<Ok<T>, ProblemHttpResult, RetryLater>> Score<T>(
        ResponseToScore[] responses, string? itemId, Func<ImmutableArray<ResponseResult>, T> answer, HttpContext http, CancellationToken stop)
    {
        var started = time.GetTimestamp();
        var validation = Validate(responses);
        if (validation.Failed)
            return validation.Problem;

        using var lease = active.Acquire();
        if (lease is null)
            return Problem.NoActiveBundle(UntilABundleMayBeActive);
        if (itemId is not null && !lease.Scorer.Bundle.Items.ContainsKey(itemId))
            return ScoreEndpoints.NotFound(itemId);

        try
        {
            var scored = await lease.Scorer.ScoreAsync(responses, new(http.User.Tenant()), stop);
            TimedAttribute.Write(http.Response.Headers, scored, time.GetElapsedTime(started));
            return TypedResults.Ok(answer(scored.Results));
        }
        catch (QueueFullException full)
        {
            return Problem.QueueFull(full.RetryAfter ?? UntilTheRateIsMeasured);
        }
    }

    /// <summary>The items that can be scored now, by id.</summary>
    public IReadOnlyList<ScorableItem> Items()
    {
        using var lease = active.Acquire();
        if (lease is null)
            return [];
        var bundle = lease.Scorer.Bundle;
        return [.. bundle.Items.Values.OrderBy(item => item.Definition.Id, StringComparer.Ordinal).Select(item => ScorableItem.Of(item, bundle.Id))];
    }

    Validation Validate(ResponseToScore[] responses)
    {
        var (most, longest) = (limits.Value.MaxResponses, limits.Value.MaxTextLength);
        var validation = new Validation();
        validation.Require(responses.Length >= 1 && responses.Length <= most, "$.responses",
            $"Send 1 to {most} responses at a time; there are {responses.Length}.");
        if (validation.Failed)
            return validation;

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < responses.Length; i++)
        {
            if (ResponseRules.Fault(responses[i], longest) is { } fault)
                validation.Require(false, Path(i, fault.Member), fault.Message);
            if (!seen.Add(responses[i].ResponseId))
                validation.Require(false, Path(i, "responseId"), "The id stands here twice; results are told apart by it.");
        }

        return validation;
    }

    static string Path(int position, string member) => string.Create(CultureInfo.InvariantCulture, $"$.responses[{position}].{member}");
}
