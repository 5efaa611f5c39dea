namespace ScoringService.Api.Bundles;

/// <summary>Loads the active bundle after a start, while the service already listens.</summary>
sealed class BundleResumption(BundleActivation activation) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => activation.Resume(stoppingToken);
}
