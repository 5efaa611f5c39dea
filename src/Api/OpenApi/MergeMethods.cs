using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Recipes;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents every merge method with its parameters, from the method catalog.</summary>
sealed class MergeMethods : ISchemaFilter
{
    static readonly string MethodMember = JsonNamingPolicy.CamelCase.ConvertName(nameof(MergeRecipe.Method));

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type == typeof(MergeRecipe) && schema.Properties?[MethodMember] is OpenApiSchema method)
            method.OneOf = [.. MethodCatalog.Methods.Select(Describe)];
    }

    static IOpenApiSchema Describe(MethodDescription method)
    {
        var members = method.Parameters.ToDictionary(parameter => parameter.Name, Describe);
        members["name"] = new OpenApiSchema { Type = JsonSchemaType.String, Enum = [JsonValue.Create(method.Name)] };
        return new OpenApiSchema
        {
            Title = method.Name,
            Description = method.Summary,
            Type = JsonSchemaType.Object,
            Properties = members,
            Required = new HashSet<string> { "name" },
            AdditionalPropertiesAllowed = false,
        };
    }

    static IOpenApiSchema Describe(MethodParameter parameter) => new OpenApiSchema
    {
        Description = parameter.Range is null ? parameter.Summary : $"{parameter.Summary} {parameter.Range}.",
        Type = Enum.Parse<JsonSchemaType>(parameter.Type, ignoreCase: true),
        Default = JsonSerializer.SerializeToNode(parameter.Default),
        Enum = parameter.Choices.IsEmpty ? null : [.. parameter.Choices.Select(choice => JsonValue.Create(choice))],
    };
}
