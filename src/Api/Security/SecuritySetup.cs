using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.Options;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Security;

/// <summary>Registers API keys, scopes and rate limits. A scope's policy and its rate limit carry the same name.</summary>
static class SecuritySetup
{
    public static void AddSecurity(this IServiceCollection services)
    {
        services.AddOptions<SecurityOptions>().BindConfiguration("Security").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<FirstKey>();
        services.AddAuthentication(ApiKeyAuthentication.SchemeName)
            .AddScheme<AuthenticationSchemeOptions, ApiKeyAuthentication>(ApiKeyAuthentication.SchemeName, configureOptions: null);

        var policies = services.AddAuthorizationBuilder();
        foreach (var scope in Scopes.All)
            policies.AddPolicy(scope, policy => policy.RequireClaim(ApiKeyAuthentication.ScopeClaim, scope));

        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<SecurityOptions>>((limits, security) =>
        {
            limits.AddPerKey(Scopes.Score, security.Value.ScoringRequestsPerSecond);
            limits.AddPerKey(Scopes.Admin, security.Value.AdminRequestsPerSecond);
            limits.OnRejected = async (rejected, _) => await Problem.RateLimited(RetryAfter(rejected.Lease)).ExecuteAsync(rejected.HttpContext);
        });
    }

    /// <summary>Lets only keys of a scope in, at the scope's rate.</summary>
    public static RouteGroupBuilder RequireScope(this RouteGroupBuilder group, string scope) =>
        group
        .RequireAuthorization(scope)
        .RequireRateLimiting(scope)
        .ProducesProblem(StatusCodes.Status400BadRequest)
        .ProducesProblem(StatusCodes.Status401Unauthorized)
        .ProducesProblem(StatusCodes.Status403Forbidden)
        .ProducesProblem(StatusCodes.Status429TooManyRequests);

    static void AddPerKey(this RateLimiterOptions limits, string policy, int perSecond) =>
        limits.AddPolicy(policy, context => RateLimitPartition.GetTokenBucketLimiter(context.User.KeyId(), _ => new()
        {
            TokenLimit = 2 * perSecond,
            TokensPerPeriod = perSecond,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1),
        }));

    static TimeSpan RetryAfter(RateLimitLease lease) =>
        lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? wait : TimeSpan.FromSeconds(1);
}
