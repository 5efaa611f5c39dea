namespace ScoringService.Api.Idempotency;

/// <summary>A POST that carried an <c>Idempotency-Key</c>, and its answer once there is one.</summary>
sealed class IdempotencyRow
{
    public required string Tenant { get; init; }

    public required string Key { get; init; }

    /// <summary>SHA-256 of path, query and body: what a replay has to repeat. Empty while a body that is read as a stream is still read.</summary>
    public required byte[] Fingerprint { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Status of the answer; null while the request is at work.</summary>
    public int? Status { get; set; }

    public string? ContentType { get; set; }

    public string? Location { get; set; }

    public byte[]? Body { get; set; }
}
