using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Http;

/// <summary>The JSON of requests and answers is as strict as that of recipes.</summary>
static class JsonSetup
{
    public static void AddJson(this IServiceCollection services) =>
        services.ConfigureHttpJsonOptions(json => StrictJson.Apply(json.SerializerOptions));
}
