namespace ScoringService.Api.Jobs;

/// <summary>Registers the job queue and its worker.</summary>
static class JobSetup
{
    public static void AddJobs(this IServiceCollection services)
    {
        services.AddOptions<JobOptions>().BindConfiguration("Jobs").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<JobFeed>();
        services.AddSingleton<JobQueue>();
        services.AddHostedService<JobWorker>();
    }
}
