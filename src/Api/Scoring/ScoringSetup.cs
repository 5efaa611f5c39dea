using Microsoft.Extensions.Options;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>Registers scoring; section <c>Scoring</c> holds limits, queue and review.</summary>
static class ScoringSetup
{
    public static void AddScoring(this IServiceCollection services)
    {
        services.AddOptions<ScoringOptions>().BindConfiguration("Scoring").ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<ServingOptions>().BindConfiguration("Scoring").ValidateDataAnnotations().ValidateOnStart();
        // One for the process: during a swap both bundles share its threads and its queue.
        services.AddSingleton(provider =>
        {
            var serving = provider.GetRequiredService<IOptions<ServingOptions>>().Value;
            return new ExecutorPool(serving.Queue, serving.Executors, provider.GetRequiredService<TimeProvider>());
        });
        services.AddSingleton<ScoringDesk>();
    }
}
