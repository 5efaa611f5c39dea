using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;

namespace ScoringService.Benchmarks;

/// <summary>
/// Starts this program again as a process of its own. A plan goes to its standard input as a line of JSON, a summary comes back the same way.
/// </summary>
static class OwnProgram
{
    /// <summary>This program with other arguments.</summary>
    public static ProcessStartInfo With(params string[] arguments)
    {
        var host = Environment.ProcessPath!;
        // 'dotnet run' starts our own executable, 'dotnet Benchmarks.dll' does not.
        string[] program = Path.GetFileNameWithoutExtension(host) == "dotnet" ? [Environment.GetCommandLineArgs()[0]] : [];
        return new(host, [.. program, .. arguments]);
    }

    /// <summary>A hidden verb that carries out a plan.</summary>
    /// <param name="verb">Its name.</param>
    /// <param name="run">Carries the plan out; its token says that the summary is wanted now, because the input has ended.</param>
    public static Command Child<TPlan, TSummary>(string verb, Func<TPlan, CancellationToken, Task<TSummary>> run)
    {
        var command = new Command(verb, "A part of another verb.") { Hidden = true };
        command.SetAction(async (parsed, stop) =>
        {
            var plan = JsonSerializer.Deserialize<TPlan>((await Console.In.ReadLineAsync(stop))!)!;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
            _ = Task.Run(() =>
            {
                Console.In.ReadToEnd();
                ended.Cancel();
            }, CancellationToken.None);
            Console.WriteLine(JsonSerializer.Serialize(await run(plan, ended.Token)));
            return 0;
        });
        return command;
    }

    /// <summary>Has a process of its own carry out a plan.</summary>
    /// <param name="verb">The hidden verb.</param>
    /// <param name="plan">The plan.</param>
    /// <param name="meanwhile">What to do while it runs; it is asked for its summary when this is done. Null lets it run to its own end.</param>
    /// <param name="stop">Ends the process.</param>
    /// <exception cref="InvalidOperationException">The process failed.</exception>
    public static async Task<TSummary> RunAsync<TPlan, TSummary>(string verb, TPlan plan, Func<Task>? meanwhile, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        var start = With(verb);
        (start.RedirectStandardInput, start.RedirectStandardOutput) = (true, true);
        using var process = Process.Start(start)!;
        using var killed = stop.Register(process.Kill);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            await process.StandardInput.WriteLineAsync(JsonSerializer.Serialize(plan));
            await process.StandardInput.FlushAsync(CancellationToken.None);
            if (meanwhile is not null)
            {
                await meanwhile();
                process.StandardInput.Close();
            }
            var summary = await output;
            await process.WaitForExitAsync(stop);
            return process.ExitCode == 0
                ? JsonSerializer.Deserialize<TSummary>(summary)!
                : throw new InvalidOperationException($"'{verb}' ended with {process.ExitCode}; what it wrote to standard error says why.");
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
