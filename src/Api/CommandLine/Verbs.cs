using System.CommandLine;

namespace ScoringService.Api.CommandLine;

/// <summary>The command line. Without a verb the service listens; a verb's answer goes to standard output, all else to standard error.</summary>
static class Verbs
{
    public static Task<int> Run(string[] args)
    {
        var root = new RootCommand("Scores students' written answers. Without a verb it serves; settings may follow as --Section:Name=value.")
        {
            KeyVerbs.Create(),
            ImportVerb.Create(),
            ImportDataVerb.Create(),
            OpenApiVerb.Create(),
        };
        root.TreatUnmatchedTokensAsErrors = false;
        root.SetAction((parsed, stop) => Serve(args, parsed.InvocationConfiguration.Error, stop));

        // The host ends by itself on SIGTERM, after it has drained its requests.
        return root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    /// <summary>The service without its listener, for a verb; it logs to standard error.</summary>
    public static WebApplication BuildForVerb() => Program.Build([], builder =>
        builder.Logging.AddConsole(console => console.LogToStandardErrorThreshold = LogLevel.Trace));

    static async Task<int> Serve(string[] args, TextWriter error, CancellationToken stop)
    {
        if (args is [var verb, ..] && !verb.StartsWith('-'))
        {
            await error.WriteLineAsync($"There is no verb '{verb}'; --help lists them.");
            return 1;
        }

        await using var app = Program.Build(args);
        Program.Prepare(app.Services);
        await app.RunAsync(stop);
        return 0;
    }
}
