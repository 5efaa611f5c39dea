namespace ScoringService.Api.Security;

/// <summary>What a key may do; also the names of the authorization policies.</summary>
static class Scopes
{
    public const string Score = "score";

    public const string Admin = "admin";

    public static readonly string[] All = [Score, Admin];
}
