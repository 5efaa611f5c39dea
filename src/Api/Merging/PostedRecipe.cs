using System.Net.Mime;
using System.Reflection;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.Merging;

/// <summary>A merge recipe in a request's body, as JSON or as YAML.</summary>
/// <param name="Recipe">What it says.</param>
sealed record PostedRecipe(MergeRecipe Recipe) : IEndpointParameterMetadataProvider
{
    static readonly string[] Yaml = ["application/yaml", "application/x-yaml"];

    /// <summary>Declares the media types, which routing holds requests to and the OpenAPI document shows.</summary>
    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata([MediaTypeNames.Application.Json, .. Yaml], typeof(MergeRecipe)));

    /// <summary>Reads the body.</summary>
    /// <exception cref="BadHttpRequestException">It holds no recipe.</exception>
    public static async ValueTask<PostedRecipe?> BindAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentType is null)
            throw new BadHttpRequestException("A media type is needed.", StatusCodes.Status415UnsupportedMediaType);
        try
        {
            var recipe = IsYaml(request)
                ? RecipeFile.Parse(RecipeFile.Decode(await Read(request)), RecipeFormat.Yaml)
                : await request.ReadFromJsonAsync<MergeRecipe>(context.RequestAborted);
            return new(recipe ?? throw new BadHttpRequestException("The body is null; a merge recipe is needed."));
        }
        catch (Exception invalid) when (invalid is JsonException or RecipeException)
        {
            throw new BadHttpRequestException("The body is not a merge recipe.", invalid);
        }
    }

    static bool IsYaml(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && Yaml.Any(yaml => type.MediaType.Equals(yaml, StringComparison.OrdinalIgnoreCase));

    // The server bounds the length of every body.
    static async Task<byte[]> Read(HttpRequest request)
    {
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body, request.HttpContext.RequestAborted);
        return body.ToArray();
    }
}
