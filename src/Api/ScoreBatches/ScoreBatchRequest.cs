using ScoringService.Api.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>Many responses to any items. As <c>application/x-ndjson</c>: the responses alone, one a line.</summary>
/// <remarks>Says what a body looks like; it is read piece by piece (<see cref="JsonResponses"/>) and never held as a whole.</remarks>
/// <param name="Responses">1 to 1,000,000 responses. Results come in the same order; ids need not be unique.</param>
/// <param name="CallbackUrl">Webhooks are not available in this version: leave it out.</param>
sealed record ScoreBatchRequest(MixedScoreRequest.Response[] Responses, string? CallbackUrl = null);
