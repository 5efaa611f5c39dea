namespace ScoringService.Inference.Batching;

/// <summary>One forward pass of an encoder.</summary>
/// <param name="responses">Token ids of each response, without padding.</param>
/// <param name="pooled">Receives <c>[responses, hidden]</c>.</param>
delegate void EncodeBatch(ReadOnlySpan<int[]> responses, Span<float> pooled);
