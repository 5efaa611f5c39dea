using System.Text.Json;

namespace ScoringService.Api.Tests.OpenApi;

public sealed class OpenApiTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    [Fact]
    public async Task The_committed_document_is_current()
    {
        var committed = Path.Combine(Repository(), "docs", "openapi.json");
        var served = await fixture.Service.Anonymous.GetStringAsync("/swagger/v1/swagger.json");

        Assert.True(await File.ReadAllTextAsync(committed) == served.TrimEnd() + "\n",
            "docs/openapi.json is not what the service serves. Write it again: dotnet run --project src/Api -- openapi --out docs/openapi.json");
    }

    [Fact]
    public async Task Every_operation_has_a_name_a_summary_and_its_problems()
    {
        var document = JsonElement.Parse(await fixture.Service.Anonymous.GetStringAsync("/swagger/v1/swagger.json"));

        foreach (var (path, operation) in Operations(document))
        {
            Assert.True(operation.TryGetProperty("operationId", out _), $"{path} has no name");
            Assert.True(operation.TryGetProperty("summary", out _), $"{path} has no summary");
            if (!path.StartsWith("/v1", StringComparison.Ordinal))
                continue;
            foreach (var status in new[] { "400", "401", "403", "429" })
                Assert.True(operation.GetProperty("responses").TryGetProperty(status, out _), $"{path} does not document {status}");
        }
    }

    [Fact]
    public async Task The_user_interface_is_served()
    {
        var page = await fixture.Service.Anonymous.GetStringAsync("/swagger/index.html");

        Assert.Contains("swagger-ui", page, StringComparison.Ordinal);
    }

    static IEnumerable<(string Path, JsonElement Operation)> Operations(JsonElement document) =>
        from path in document.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        select (path.Name, operation.Value);

    static string Repository()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "ScoringService.sln")))
            directory = directory.Parent;
        return directory.FullName;
    }
}
