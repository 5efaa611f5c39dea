using Microsoft.OpenApi;
using ScoringService.Api.Idempotency;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents the header that every POST takes.</summary>
sealed class RequestHeaders : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (context.ApiDescription.HttpMethod != HttpMethods.Post)
            return;
        operation.Parameters ??= [];
        operation.Parameters.Add(new OpenApiParameter
        {
            Name = IdempotentPosts.HeaderName,
            In = ParameterLocation.Header,
            Description = "Makes a repetition safe: the same key and body get the first answer again, for a day. "
                + "The same key with another body is 422, while the first request runs 409.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MaxLength = 255 },
        });
    }
}
