namespace ScoringService.Api.LanguageModels;

/// <summary>Registers the language model, if one is configured.</summary>
static class LanguageModelSetup
{
    public static void AddLanguageModel(this IServiceCollection services)
    {
        services.AddOptions<LanguageModelOptions>().BindConfiguration("LanguageModel").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ChatCompletions>();
    }
}
