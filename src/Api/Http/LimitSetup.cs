namespace ScoringService.Api.Http;

/// <summary>How large a request may be. Routes that take files state their own limit.</summary>
static class LimitSetup
{
    /// <summary>Largest body of an ordinary request, in bytes.</summary>
    public const long MaxRequestBody = 16 * 1024 * 1024;

    public static void AddLimits(this WebApplicationBuilder builder) => builder.WebHost.ConfigureKestrel(kestrel =>
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = MaxRequestBody;
    });
}
