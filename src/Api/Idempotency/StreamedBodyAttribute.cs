namespace ScoringService.Api.Idempotency;

/// <summary>
/// Marks POSTs whose body is too large to be read twice. Their handlers read it once, to its end, and its fingerprint is taken meanwhile.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
sealed class StreamedBodyAttribute : Attribute;
