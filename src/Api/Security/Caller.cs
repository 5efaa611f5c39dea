using System.Security.Claims;

namespace ScoringService.Api.Security;

/// <summary>Who sends a request, as its key says.</summary>
static class Caller
{
    public static string KeyId(this ClaimsPrincipal caller) => caller.FindFirstValue(ClaimTypes.NameIdentifier) ?? "";

    public static string Tenant(this ClaimsPrincipal caller) => caller.FindFirstValue(ApiKeyAuthentication.TenantClaim) ?? "";
}
