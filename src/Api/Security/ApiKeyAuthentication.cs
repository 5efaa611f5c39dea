using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Security;

/// <summary>Knows a caller by the API key in <c>Authorization: Bearer</c> or <c>X-API-Key</c>.</summary>
sealed class ApiKeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logging, UrlEncoder encoder, ApiKeys keys)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logging, encoder)
{
    public const string SchemeName = "ApiKey";

    public const string HeaderName = "X-API-Key";

    public const string ScopeClaim = "scope";

    public const string TenantClaim = "tenant";

    const string BearerPrefix = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    AuthenticateResult Authenticate()
    {
        if (Presented() is not { Length: > 0 } presented)
            return AuthenticateResult.NoResult();
        if (keys.Find(presented) is not { } key)
            return AuthenticateResult.Fail("The API key is unknown or revoked.");

        Claim[] claims =
        [
            new(ClaimTypes.NameIdentifier, key.Id),
            new(TenantClaim, key.Tenant),
            .. key.Scopes.Select(scope => new Claim(ScopeClaim, scope)),
        ];
        return AuthenticateResult.Success(new(new ClaimsPrincipal(new ClaimsIdentity(claims, SchemeName)), SchemeName));
    }

    string? Presented()
    {
        var authorization = Request.Headers.Authorization.ToString();
        return authorization.StartsWith(BearerPrefix, StringComparison.OrdinalIgnoreCase)
            ? authorization[BearerPrefix.Length..].Trim()
            : Request.Headers[HeaderName].ToString();
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var result = await HandleAuthenticateOnceSafeAsync();
        Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer";
        await Problem.Unauthenticated(result.Failure?.Message ?? "The request carries no API key.").ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) => Problem.Forbidden().ExecuteAsync(Context);
}
