using ScoringService.Api.Bundles;
using ScoringService.Api.CommandLine;
using ScoringService.Api.Console;
using ScoringService.Api.FirstStart;
using ScoringService.Api.Health;
using ScoringService.Api.Http;
using ScoringService.Api.Idempotency;
using ScoringService.Api.Items;
using ScoringService.Api.Jobs;
using ScoringService.Api.LanguageModels;
using ScoringService.Api.Merging;
using ScoringService.Api.OpenApi;
using ScoringService.Api.Problems;
using ScoringService.Api.ScoreBatches;
using ScoringService.Api.Scoring;
using ScoringService.Api.Security;
using ScoringService.Api.Storage;
using ScoringService.Api.Training;

return await Verbs.Run(args);

/// <summary>The service, from the configuration to the routes.</summary>
sealed partial class Program
{
    /// <summary>Builds the service; it listens once it is started.</summary>
    /// <param name="args">Settings as <c>--Section:Name=value</c>.</param>
    /// <param name="configure">Last changes to settings and registrations.</param>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        // Settings lie beside the program, data beside the working directory.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.AddLimits();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddJson();
        builder.Services.AddProblems();
        builder.Services.AddStorage();
        builder.Services.AddSecurity();
        builder.Services.AddIdempotency();
        builder.Services.AddItems();
        builder.Services.AddJobs();
        builder.Services.AddTraining();
        builder.Services.AddLanguageModel();
        builder.Services.AddMerging();
        builder.Services.AddBundles();
        builder.Services.AddScoring();
        builder.Services.AddScoreBatches();
        builder.Services.AddFirstStart();
        builder.Services.AddOpenApi();
        builder.Services.AddWelcome();
        configure?.Invoke(builder);

        var app = builder.Build();
        app.UseProblems();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseMiddleware<IdempotentPosts>();
        app.MapHealth();
        app.MapOpenApi();

        var scoring = app.MapGroup("/v1").RequireScope(Scopes.Score);
        scoring.MapScoring();
        scoring.MapScoreBatches();

        var admin = app.MapGroup("/v1/admin").RequireScope(Scopes.Admin);
        admin.MapItems();
        admin.MapItemModels();
        admin.MapBaseModels();
        admin.MapTraining();
        admin.MapMerging();
        admin.MapBundles();
        return app;
    }

    /// <summary>Opens the storage and sees to it that somebody can call. Comes before the start.</summary>
    public static void Prepare(IServiceProvider services)
    {
        services.OpenStorage();
        services.ReleaseIdempotencyKeys();
        services.GetRequiredService<FirstKey>().Ensure();
    }
}
