using System.Collections.Immutable;

namespace ScoringService.Inference.Scoring;

/// <summary>The results of one request.</summary>
/// <param name="Results">One per response, in the order of the request.</param>
/// <param name="QueueTime">How long the request waited while none of its responses ran.</param>
/// <param name="InferenceTime">How long at least one of its responses ran.</param>
public sealed record ScoredBatch(ImmutableArray<ResponseResult> Results, TimeSpan QueueTime, TimeSpan InferenceTime);
