using Microsoft.OpenApi;
using ScoringService.Api.Idempotency;
using ScoringService.Api.Scoring;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents the headers that requests and answers carry.</summary>
sealed class Headers : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.HttpMethod == HttpMethods.Post)
        {
            operation.Parameters ??= [];
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = IdempotentPosts.HeaderName,
                In = ParameterLocation.Header,
                Description = "Makes a repetition safe: the same key and body get the first answer again, for a day. "
                    + "The same key with another body is 422; while the first request runs it is 409.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 255 },
            });
        }

        foreach (var status in new[] { "429", "503" })
            Document(operation, status, "Retry-After", "Seconds after which to try again.", JsonSchemaType.Integer);
        if (context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<TimedAttribute>().Any())
        {
            foreach (var (name, meaning) in TimedAttribute.Headers)
                Document(operation, "200", name, meaning, JsonSchemaType.Number);
        }
    }

    static void Document(OpenApiOperation operation, string status, string name, string meaning, JsonSchemaType type)
    {
        if (operation.Responses?.GetValueOrDefault(status) is not OpenApiResponse response)
            return;
        response.Headers ??= new Dictionary<string, IOpenApiHeader>();
        response.Headers[name] = new OpenApiHeader { Description = meaning, Schema = new OpenApiSchema { Type = type } };
    }
}
