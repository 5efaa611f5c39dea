using Microsoft.OpenApi;
using ScoringService.Api.Security;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Recipes;
using Swashbuckle.AspNetCore.Swagger;

namespace ScoringService.Api.OpenApi;

/// <summary>Describes the service at <c>/swagger</c> and <c>/swagger/v1/swagger.json</c>.</summary>
static class OpenApiSetup
{
    const string Document = "v1";

    public static void AddOpenApi(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc(Document, new OpenApiInfo
            {
                Title = "ScoringService",
                Version = Document,
                Description = "Scores students' written answers with item models that were merged into few shared encoders.",
                License = new OpenApiLicense { Name = "Apache-2.0", Identifier = "Apache-2.0" },
            });
            foreach (var assembly in new[] { typeof(Program).Assembly, typeof(MergeRecipe).Assembly, typeof(Item).Assembly })
                swagger.IncludeXmlComments(assembly);

            swagger.SupportNonNullableReferenceTypes();
            Alternatives.Use(swagger);
            swagger.CustomSchemaIds(SchemaName);
            swagger.AddSecurityDefinition(ApiKeyAuthentication.SchemeName, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "An API key with the scope 'score' or 'admin'; the header X-API-Key is taken as well.",
            });
            swagger.AddSecurityRequirement(document =>
                new() { [new OpenApiSecuritySchemeReference(ApiKeyAuthentication.SchemeName, document)] = [] });
            swagger.OperationFilter<Headers>();
            swagger.OperationFilter<CheckpointUpload>();
            swagger.SchemaFilter<RequestMembers>();
            swagger.SchemaFilter<MergeMethods>();
            swagger.SchemaFilter<ProblemMembers>();
        });
    }

    static string SchemaName(Type type) => type switch
    {
        { IsNested: true } => type.DeclaringType!.Name + type.Name,
        { IsGenericType: true } => string.Concat(type.GetGenericArguments().Select(SchemaName)) + type.Name.Split('`')[0],
        _ => type.Name,
    };

    public static void MapOpenApi(this WebApplication app)
    {
        app.UseSwagger(swagger => swagger.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1);
        app.UseSwaggerUI(ui =>
        {
            ui.SwaggerEndpoint($"/swagger/{Document}/swagger.json", "ScoringService");
            ui.DocumentTitle = "ScoringService";
            ui.EnablePersistAuthorization();
            ui.DisplayRequestDuration();
        });
    }

    /// <summary>The document as JSON, without listening.</summary>
    public static async Task<string> DescribeAsync(this WebApplication app, CancellationToken stop)
    {
        // Until the service starts, its routes are known only to the builder; this hands them to the API explorer.
        app.UseRouting().UseEndpoints(_ => { });
        var document = await app.Services.GetRequiredService<IAsyncSwaggerProvider>().GetSwaggerAsync(Document);
        return await document.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, stop) + "\n";
    }
}
