using System.Collections.Immutable;

namespace ScoringService.Inference.Scoring;

/// <summary>The results of one request.</summary>
/// <param name="Results">One per response, in the order of the request.</param>
/// <param name="QueueTime">How long the request waited; over several encoders the longest.</param>
/// <param name="InferenceTime">How long the encoders ran for it; over several encoders the longest.</param>
public sealed record ScoredBatch(ImmutableArray<ResponseResult> Results, TimeSpan QueueTime, TimeSpan InferenceTime);
