using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Registers scoring; section <c>Scoring</c> holds limits, queue and review.</summary>
static class ScoringSetup
{
    public static void AddScoring(this IServiceCollection services)
    {
        services.AddOptions<ScoringOptions>().BindConfiguration("Scoring").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ServingOptions>().BindConfiguration("Scoring").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ScoringDesk>();
    }
}
