using System.CommandLine;
using ScoringService.Api.OpenApi;

namespace ScoringService.Api.CommandLine;

/// <summary><c>openapi</c>: the description of the service, as /swagger/v1/swagger.json serves it.</summary>
static class OpenApiVerb
{
    public static Command Create()
    {
        var target = new Option<FileInfo>("--out") { Description = "File to write; standard output when left out" };
        var command = new Command("openapi", "Write the OpenAPI document") { target };
        command.SetAction(async (parsed, stop) =>
        {
            await using var app = Verbs.BuildForVerb();
            var document = await app.DescribeAsync(stop);
            if (parsed.GetValue(target) is { } file)
                await File.WriteAllTextAsync(file.FullName, document, stop);
            else
                await parsed.InvocationConfiguration.Output.WriteAsync(document.AsMemory(), stop);
        });
        return command;
    }
}
