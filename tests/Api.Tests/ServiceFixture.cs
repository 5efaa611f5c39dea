using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.Tests;

/// <summary>One running service for a class of tests; its jobs do what the test says.</summary>
public sealed class ServiceFixture : IAsyncLifetime, IDisposable
{
    readonly TemporaryDirectory directory = new();

    internal RunningService Service { get; private set; } = null!;

    internal ScriptedJobs Jobs { get; } = new();

    public async Task InitializeAsync() => Service = await RunningService.Start(directory.Path, builder =>
        builder.Services.AddKeyedSingleton<IJobHandler>(JobKinds.Training, Jobs));

    public async Task DisposeAsync() => await Service.DisposeAsync();

    public void Dispose() => directory.Dispose();
}
