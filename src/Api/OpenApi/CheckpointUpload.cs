using System.Net.Mime;
using Microsoft.OpenApi;
using ScoringService.Api.Items;
using ScoringService.Api.Training;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace ScoringService.Api.OpenApi;

/// <summary>Documents the files of an import, so that they can be chosen in the user interface.</summary>
sealed class CheckpointUpload : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (MemberOf(operation.OperationId) is not { } member
            || operation.RequestBody?.Content is not { } content
            || content[MediaTypeNames.Multipart.FormData] is not OpenApiMediaType form)
        {
            return;
        }

        var members = ReceivedCheckpoint.Files.ToDictionary(
            file => file, IOpenApiSchema (_) => new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" });
        members[member] = new OpenApiSchema { Type = JsonSchemaType.String };
        form.Schema = new OpenApiSchema
        {
            Type = JsonSchemaType.Object,
            Properties = members,
            Required = new HashSet<string> { "config.json", "model.safetensors" },
        };
    }

    static string? MemberOf(string? operation) => operation switch
    {
        ItemModelEndpoints.ImportName => ItemModelEndpoints.BaseModelField,
        BaseModelEndpoints.RegisterName => BaseModelEndpoints.NameField,
        _ => null,
    };
}
