namespace ScoringService.Api.Security;

/// <summary>What is stored of an API key; never the key itself.</summary>
sealed class ApiKeyRow
{
    /// <summary>Public name of the key, by which it is listed and revoked.</summary>
    public required string Id { get; init; }

    /// <summary>Whose key it is. A tenant may hold several live keys, so that they can be rotated.</summary>
    public required string Tenant { get; init; }

    /// <summary>What it may do: <c>score</c>, <c>admin</c>.</summary>
    public required string[] Scopes { get; init; }

    /// <summary>SHA-256 of the key. Keys hold 256 random bits, so no salt or stretching is needed.</summary>
    public required byte[] Hash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>From when on it is refused; null while it is live.</summary>
    public DateTimeOffset? RevokedAt { get; set; }
}
