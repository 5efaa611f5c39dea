using System.Net;

namespace ScoringService.Api.Tests.Security;

public sealed class FirstKeyTests
{
    const string Configured = "0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task Development_makes_one_key_for_its_owner_only_and_keeps_it()
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "admin.key");
        string key;
        await using (var first = await Start(directory, "Development"))
            key = (await File.ReadAllTextAsync(file)).Trim();

        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        await using var second = await Start(directory, "Development");
        Assert.Equal(key, (await File.ReadAllTextAsync(file)).Trim());
        using var client = second.Client(key);
        await client.GetAsync("/v1/admin/items").Json();
        await client.GetAsync("/v1/items").Json();
    }

    [Fact]
    public async Task Production_makes_no_key()
    {
        using var directory = new TemporaryDirectory();
        await using var service = await Start(directory, "Production");

        Assert.False(File.Exists(Path.Combine(directory.Path, "admin.key")));
        await service.Anonymous.GetAsync("/v1/admin/items").Problem(HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Theory]
    [InlineData("Development")]
    [InlineData("Production")]
    public async Task A_configured_key_is_the_first_key(string environment)
    {
        using var directory = new TemporaryDirectory();
        await using var service = await Start(directory, environment, $"--Security:BootstrapKey={Configured}");

        using var client = service.Client(Configured);
        await client.GetAsync("/v1/admin/items").Json();
        Assert.False(File.Exists(Path.Combine(directory.Path, "admin.key")));
    }

    static Task<RunningService> Start(TemporaryDirectory directory, string environment, params string[] settings) =>
        RunningService.Start(directory.Path, settings: [$"--environment={environment}", .. settings]);
}
