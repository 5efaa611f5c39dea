using System.ComponentModel.DataAnnotations;

namespace ScoringService.Api.Security;

/// <summary>Who may call, and how often; section <c>Security</c>.</summary>
sealed class SecurityOptions
{
    /// <summary>A key with both scopes that is live from the first start on, instead of one made by the service.</summary>
    /// <value>At least 32 characters; default none.</value>
    [MinLength(32, ErrorMessage = "Security:BootstrapKey needs at least 32 characters; take for example 'openssl rand -hex 32'.")]
    public string? BootstrapKey { get; set; }

    /// <summary>Scoring requests per second that one key may send on average; twice as many in one burst.</summary>
    /// <value>Default 2000.</value>
    [Range(1, 1_000_000)]
    public int ScoringRequestsPerSecond { get; set; } = 2000;

    /// <summary>Administrative requests per second that one key may send on average; twice as many in one burst.</summary>
    /// <value>Default 100.</value>
    [Range(1, 1_000_000)]
    public int AdminRequestsPerSecond { get; set; } = 100;
}
