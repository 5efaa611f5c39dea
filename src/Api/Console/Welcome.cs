using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using ScoringService.Api.Bundles;
using ScoringService.Api.Scoring;
using ScoringService.Api.Security;

namespace ScoringService.Api.Console;

/// <summary>Tells whoever started the service where it listens and, once it can score, how to get the first score.</summary>
sealed partial class Welcome(
    IServer server, FirstKey firstKey, ScoringDesk desk, BundleActivation activation, IHostApplicationLifetime lifetime, ILogger<Welcome> log)
    : IHostedService
{
    int greeted;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStarted.Register(() =>
        {
            Listening(log, Address, $"{Address}/swagger");
            if (firstKey.Read() is { } key)
                Key(log, key);
        });
        activation.Activated += ShowFirstScore;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        activation.Activated -= ShowFirstScore;
        return Task.CompletedTask;
    }

    string Address => server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? "";

    void ShowFirstScore(string bundle)
    {
        if (firstKey.Read() is not { } key || desk.Items() is not [var item, ..] || Interlocked.Exchange(ref greeted, 1) == 1)
            return;
        FirstScore(log, string.Join(" ",
            $"curl -s {Address}/v1/items/{item.ItemId}/scores",
            $"-H 'Authorization: Bearer {key}'",
            "-H 'Content-Type: application/json'",
            """-d '{"responses":[{"responseId":"r1","text":"It evaporated in the sun."}]}'"""));
    }

    [LoggerMessage(LogLevel.Information, "Listening at {Address}; try it at {Swagger}")]
    static partial void Listening(ILogger log, string address, string swagger);

    [LoggerMessage(LogLevel.Information, "API key for Development (scopes score and admin): {Key}")]
    static partial void Key(ILogger log, string key);

    [LoggerMessage(LogLevel.Information, "Ready. Get a score:\n{Command}")]
    static partial void FirstScore(ILogger log, string command);
}
