using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ScoringService.Api.Security;

namespace ScoringService.Api.Tests;

/// <summary>The real service, listening on a free port of the loopback interface.</summary>
sealed class RunningService : IAsyncDisposable
{
    readonly WebApplication app;

    RunningService(WebApplication app, string dataDirectory)
    {
        (this.app, DataDirectory) = (app, dataDirectory);
        Admin = Client(Services.GetRequiredService<ApiKeys>().Create("school", [Scopes.Admin]).Key);
        Scorer = Client(Services.GetRequiredService<ApiKeys>().Create("school", [Scopes.Score]).Key);
        Anonymous = Client(key: null);
    }

    public string DataDirectory { get; }

    /// <summary>Holds a key with the scope admin.</summary>
    public HttpClient Admin { get; }

    /// <summary>Holds a key with the scope score.</summary>
    public HttpClient Scorer { get; }

    /// <summary>Holds no key.</summary>
    public HttpClient Anonymous { get; }

    public IServiceProvider Services => app.Services;

    public Uri Address => new(app.Urls.Single());

    public static async Task<RunningService> Start(string dataDirectory, Action<WebApplicationBuilder>? configure = null, params string[] settings)
    {
        string[] all =
        [
            "--environment=Testing", "--urls=http://127.0.0.1:0", $"--Storage:DataDirectory={dataDirectory}",
            "--Security:AdminRequestsPerSecond=100000", "--FirstStart:SeedSamples=false", .. settings,
        ];
        var app = Program.Build(all, builder =>
        {
            builder.Logging.ClearProviders();
            configure?.Invoke(builder);
        });
        Program.Prepare(app.Services);
        await app.StartAsync();
        return new(app, dataDirectory);
    }

    public HttpClient Client(string? key)
    {
        var client = new HttpClient { BaseAddress = Address };
        if (key is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in new[] { Admin, Scorer, Anonymous })
            client.Dispose();
        await app.StopAsync();
        await app.DisposeAsync();
    }
}
