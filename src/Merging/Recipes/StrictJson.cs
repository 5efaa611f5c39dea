using System.Text.Json;
using System.Text.Json.Serialization;

namespace ScoringService.Merging.Recipes;

/// <summary>The JSON of recipes and requests: camelCase, and strict, so that a slip is refused with its place and not misread.</summary>
public static class StrictJson
{
    /// <summary>How deep a document may be nested.</summary>
    public const int MaxDepth = 32;

    /// <summary>Options for documents that no web server reads.</summary>
    public static JsonSerializerOptions Options { get; } = Make();

    /// <summary>Makes options strict that already have web defaults.</summary>
    public static void Apply(JsonSerializerOptions options)
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

    static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Apply(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
