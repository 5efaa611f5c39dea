namespace ScoringService.Api.FirstStart;

/// <summary>Registers what happens at the first start.</summary>
static class FirstStartSetup
{
    public static void AddFirstStart(this IServiceCollection services)
    {
        services.AddOptions<FirstStartOptions>().BindConfiguration(FirstStartOptions.Section).ValidateOnStart();
        services.AddHostedService<SampleSeeding>();
    }
}
