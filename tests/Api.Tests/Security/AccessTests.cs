using System.Net;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Security;

namespace ScoringService.Api.Tests.Security;

public sealed class AccessTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    ApiKeys Keys => fixture.Service.Services.GetRequiredService<ApiKeys>();

    [Fact]
    public void Every_route_of_the_service_asks_for_a_scope()
    {
        var routes = fixture.Service.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.RoutePattern.RawText!.StartsWith("/v1", StringComparison.Ordinal))
            .ToArray();

        Assert.NotEmpty(routes);
        Assert.All(routes, route => Assert.Equal(
            route.RoutePattern.RawText!.StartsWith("/v1/admin", StringComparison.Ordinal) ? Scopes.Admin : Scopes.Score,
            Assert.Single(route.Metadata.GetOrderedMetadata<IAuthorizeData>()).Policy));
    }

    [Fact]
    public async Task Without_a_live_key_the_answer_is_401_and_without_the_scope_403()
    {
        var (key, row) = Keys.Create("school", [Scopes.Admin]);
        using var client = fixture.Service.Client(key);
        await client.GetAsync("/v1/admin/items").Json();

        Assert.True(Keys.Revoke(row.Id));
        await client.GetAsync("/v1/admin/items").Problem(HttpStatusCode.Unauthorized, "unauthenticated");
        await fixture.Service.Anonymous.GetAsync("/v1/admin/items").Problem(HttpStatusCode.Unauthorized, "unauthenticated");
        await fixture.Service.Scorer.GetAsync("/v1/admin/items").Problem(HttpStatusCode.Forbidden, "missing-scope");
    }

    [Fact]
    public async Task A_challenge_names_the_scheme()
    {
        using var response = await fixture.Service.Anonymous.GetAsync("/v1/admin/items");

        Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
    }

    [Fact]
    public async Task Both_headers_carry_a_key_and_two_keys_of_a_tenant_are_live_at_once()
    {
        var (old, _) = Keys.Create("rotating", [Scopes.Admin]);
        var (fresh, _) = Keys.Create("rotating", [Scopes.Admin]);
        using var bearer = fixture.Service.Client(old);
        using var header = fixture.Service.Client(key: null);
        header.DefaultRequestHeaders.Add("X-API-Key", fresh);

        await bearer.GetAsync("/v1/admin/items").Json();
        await header.GetAsync("/v1/admin/items").Json();
    }

    [Fact]
    public void Keys_are_stored_as_hashes_only()
    {
        var (key, _) = Keys.Create("secretive", Scopes.All);
        var bytes = File.ReadAllBytes(Path.Combine(fixture.Service.DataDirectory, "scoring.db"))
            .Concat(File.ReadAllBytes(Path.Combine(fixture.Service.DataDirectory, "scoring.db-wal"))).ToArray();

        Assert.True(bytes.AsSpan().IndexOf("secretive"u8) >= 0, "the row should be found");
        Assert.True(bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(key)) < 0, "the key should not");
    }
}
