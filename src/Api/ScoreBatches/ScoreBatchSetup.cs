namespace ScoringService.Api.ScoreBatches;

/// <summary>Registers score batches.</summary>
static class ScoreBatchSetup
{
    public static void AddScoreBatches(this IServiceCollection services)
    {
        services.AddOptions<ScoreBatchOptions>().BindConfiguration("ScoreBatches").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ScoreBatchQueue>();
        services.AddSingleton<ScoreBatchIntake>();
        services.AddSingleton<ScoreBatchRun>();
        services.AddHostedService<ScoreBatchWorker>();
    }
}
