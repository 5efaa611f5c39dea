using ScoringService.Api.Jobs;
using ScoringService.Inference.Encoders;

namespace ScoringService.Api.Training;

/// <summary>Registers the training of item models.</summary>
static class TrainingSetup
{
    public static void AddTraining(this IServiceCollection services)
    {
        services.AddOptions<RuntimeOptions>().BindConfiguration("Runtime").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<BaseModels>();
        services.AddKeyedSingleton<IJobHandler, TrainingJob>(JobKinds.Training);
    }
}
