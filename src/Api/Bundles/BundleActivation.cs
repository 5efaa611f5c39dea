using Microsoft.Extensions.Options;
using ScoringService.Api.Storage;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Bundles;

/// <summary>What came of asking for another bundle.</summary>
/// <param name="Id">The bundle that was to answer; null when there is none.</param>
/// <param name="Obstacle">Why it cannot, so that the one before stays; null when it answers now.</param>
readonly record struct ActivationOutcome(string? Id, string? Obstacle);

/// <summary>Decides which bundle answers requests, one decision at a time.</summary>
sealed partial class BundleActivation(
    ActiveBundle active, BundleStore bundles, DataDirectory directory, IOptions<ServingOptions> serving, IOptions<RuntimeOptions> runtime,
    ExecutorPool executors, ILogger<BundleActivation> log) : IDisposable
{
    readonly SemaphoreSlim gate = new(1);

    /// <summary>Raised with the id of a bundle that has begun to answer requests.</summary>
    public event Action<string>? Activated;

    /// <summary>Lets a bundle answer requests.</summary>
    public Task<ActivationOutcome> Activate(string id, CancellationToken stop) => OneAtATime(async () =>
    {
        if (await bundles.Find(id, stop) is null)
            return default;
        if (await TryServe(id, stop) is { } obstacle)
            return new(id, obstacle);

        // The bundle is in service by now; whoever asked for it may be gone.
        await bundles.Activated(id, CancellationToken.None);
        return new ActivationOutcome(id, Obstacle: null);
    }, stop);

    /// <summary>Lets the bundle before the present one answer again.</summary>
    public Task<ActivationOutcome> RollBack(CancellationToken stop) => OneAtATime(async () =>
    {
        if (await bundles.Previous(stop) is not { } id)
            return default;
        if (await TryServe(id, stop) is { } obstacle)
            return new(id, obstacle);

        await bundles.RolledBack(CancellationToken.None);
        return new ActivationOutcome(id, Obstacle: null);
    }, stop);

    /// <summary>Lets the bundle answer that was active when the service stopped.</summary>
    public Task Resume(CancellationToken stop) => OneAtATime(async () =>
    {
        if (await bundles.Active(stop) is { } id)
            await TryServe(id, stop);
        return 0;
    }, stop);

    /// <summary>Deletes a bundle and its files.</summary>
    /// <returns>False when it is the active one.</returns>
    public Task<bool> Delete(string id, CancellationToken stop) => OneAtATime(async () =>
    {
        if (await bundles.Active(stop) == id)
            return false;
        await bundles.Remove(id, stop);
        Directory.Delete(directory.Bundle(id), recursive: true);
        return true;
    }, stop);

    public void Dispose() => gate.Dispose();

    async Task<T> OneAtATime<T>(Func<Task<T>> decide, CancellationToken stop)
    {
        await gate.WaitAsync(stop);
        try
        {
            return await decide();
        }
        finally
        {
            gate.Release();
        }
    }

    async Task<string?> TryServe(string id, CancellationToken stop)
    {
        try
        {
            // Verifying and loading takes processor time that students wait for, so it happens on one thread and gives way.
            var options = serving.Value with { Runtime = runtime.Value };
            var scorer = await Task.Run(() => Scorer.Load(QuietThread.Run(() => Bundle.Open(directory.Bundle(id))), options, executors), stop);
            await active.ActivateAsync(scorer, stop);
            // What was read only to be packed is garbage as large as the encoders, and would stay until memory is short.
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
            Served(log, id);
            Activated?.Invoke(id);
            return null;
        }
        catch (Exception exception) when (exception is InvalidBundleException or InvalidDataException or InvalidOperationException
            or NotFiniteNumberException or IOException)
        {
            Unusable(log, exception, id);
            return exception.Message;
        }
    }

    [LoggerMessage(LogLevel.Information, "Bundle {Id} answers requests")]
    static partial void Served(ILogger log, string id);

    [LoggerMessage(LogLevel.Error, "Bundle {Id} cannot answer requests; the one before stays")]
    static partial void Unusable(ILogger log, Exception exception, string id);
}
