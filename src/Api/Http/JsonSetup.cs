using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Api.Http;

/// <summary>The JSON of requests and answers: camelCase, and strict, so that a slip is refused with its place and not misread.</summary>
static class JsonSetup
{
    const int MaxDepth = 32;

    public static void AddJson(this IServiceCollection services) => services.ConfigureHttpJsonOptions(json => Configure(json.SerializerOptions));

    static void Configure(JsonSerializerOptions options)
    {
        options.MaxDepth = MaxDepth;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.RespectRequiredConstructorParameters = true;
        options.PropertyNameCaseInsensitive = false;
        options.Converters.Add(new JsonStringEnumConverter(allowIntegerValues: false));
    }
}
