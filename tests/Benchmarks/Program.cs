using System.CommandLine;
using ScoringService.Benchmarks;

using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    stop.Cancel();
};

var root = new RootCommand("Measures ScoringService; every verb writes results.json and results.md and prints the tables.");
root.Subcommands.Add(QualityCommand.Create());
root.Subcommands.Add(TrainingCommand.Create());
root.Subcommands.Add(MergingCommand.Create());
root.Subcommands.Add(MergingFiles.CreateChild());
return await root.Parse(args).InvokeAsync(cancellationToken: stop.Token);
