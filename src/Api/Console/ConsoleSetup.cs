namespace ScoringService.Api.Console;

/// <summary>Registers what the console shows at the start.</summary>
static class ConsoleSetup
{
    public static void AddWelcome(this IServiceCollection services) => services.AddHostedService<Welcome>();
}
