using System.Diagnostics;
using System.Net.Http.Headers;

namespace ScoringService.Api.Tests.Scoring;

/// <summary>The service in a process of its own.</summary>
public sealed class ServingProcessTests
{
    const string Key = "a-key-that-is-long-enough-for-the-service";
    const string Listening = "Listening at ";

    [Fact]
    public async Task A_process_that_only_scores_never_loads_what_trains()
    {
        if (!OperatingSystem.IsLinux())
            return;
        using var directory = new TemporaryDirectory();
        await using (var maker = await RunningService.Start(directory.Path))
        {
            var bundle = TinyBundle.Publish(maker, seed: 1, TinyBundle.Scale("scale"));
            await maker.Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json();
        }
        using var service = Start(directory.Path);
        try
        {
            using var client = new HttpClient { BaseAddress = await Address(service) };
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);

            await client.PostJson("/v1/items/scale/scores", new { responses = new[] { new { responseId = "r", text = "because it is sunny" } } }).Json();

            var libraries = await File.ReadAllTextAsync($"/proc/{service.Id}/maps");
            Assert.Contains("ScoringService.Inference.dll", libraries, StringComparison.Ordinal);
            Assert.DoesNotContain("libtorch", libraries, StringComparison.Ordinal);
        }
        finally
        {
            service.Kill();
            await service.WaitForExitAsync();
        }
    }

    static Process Start(string data) => Process.Start(new ProcessStartInfo(
        "dotnet", [typeof(Program).Assembly.Location, "--environment=Production", "--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Information"])
    {
        RedirectStandardOutput = true,
        Environment = { ["Storage__DataDirectory"] = data, ["Security__BootstrapKey"] = Key },
    })!;

    // The active bundle is loaded before the service listens, or while it does: both have been said when it can score.
    static async Task<Uri> Address(Process service)
    {
        Uri? address = null;
        var isLoaded = false;
        while (address is null || !isLoaded)
        {
            var line = await service.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The service ended.");
            if (line.IndexOf(Listening, StringComparison.Ordinal) is >= 0 and var at)
                address = new(line[(at + Listening.Length)..].Split(';')[0]);
            isLoaded |= line.Contains("answers requests", StringComparison.Ordinal);
        }
        return address;
    }
}
