using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents which members the serializer insists on, and the values the others have when they are left out.</summary>
sealed class RequestMembers(IOptions<JsonOptions> json) : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        var options = json.Value.SerializerOptions;
        if (schema is not OpenApiSchema { Properties: { } members } described
            || options.GetTypeInfo(context.Type) is not { Kind: JsonTypeInfoKind.Object } type)
        {
            return;
        }

        var required = type.Properties.Where(property => property.IsRequired).Select(property => property.Name).ToHashSet();
        if (required.Count > 0)
            described.Required = required;
        if (context.Type.GetConstructor(Type.EmptyTypes) is not { } constructor)
            return;

        var defaults = constructor.Invoke(null);
        foreach (var property in type.Properties.Where(property => !required.Contains(property.Name) && property is { Get: not null, Set: not null }))
        {
            if (members.TryGetValue(property.Name, out var member) && member is OpenApiSchema plain && property.Get!(defaults) is { } value)
                plain.Default = JsonSerializer.SerializeToNode(value, property.PropertyType, options);
        }
    }
}
