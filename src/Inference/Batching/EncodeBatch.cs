using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Batching;

/// <summary>One forward pass of an encoder.</summary>
/// <param name="responses">The responses.</param>
/// <param name="pooled">Receives <c>[responses, hidden]</c>.</param>
delegate void EncodeBatch(ReadOnlySpan<EncoderInput> responses, Span<float> pooled);
