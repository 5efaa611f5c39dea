using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Bundles;

/// <summary>Registers the bundles.</summary>
static class BundleSetup
{
    public static void AddBundles(this IServiceCollection services)
    {
        services.AddSingleton<ActiveBundle>();
        services.AddSingleton<BundleStore>();
        services.AddSingleton<BundleActivation>();
        services.AddHostedService<BundleResumption>();
    }
}
