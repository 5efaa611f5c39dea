using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;
using ScoringService.Api.Problems;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents what this service adds to RFC 9457.</summary>
sealed class ProblemMembers : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type != typeof(ProblemDetails) || schema is not OpenApiSchema { Properties: { } members } problem)
            return;

        problem.Description = "An error (RFC 9457). 'type' is stable: urn:scoring:problem:<name>. 'detail' says what to change.";
        members["traceId"] = new OpenApiSchema { Type = JsonSchemaType.String, Description = "By which the log knows the request." };
        members[Problem.ErrorsMember] = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Description = "What is wrong with a request that is not valid, by JSON path such as $.responses[3].text.",
            AdditionalProperties = new OpenApiSchema
            {
                Type = JsonSchemaType.Array,
                Items = new OpenApiSchema { Type = JsonSchemaType.String },
            },
        };
    }
}
