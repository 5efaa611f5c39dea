using System.CommandLine;
using ScoringService.Benchmarks;
using ScoringService.Benchmarks.Serving;

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
root.Subcommands.Add(ServingCommand.Create());
root.Subcommands.Add(OwnProgram.Child<EnginePlan, EngineSummary>(EngineLoop.Verb, EngineLoop.Run));
root.Subcommands.Add(OwnProgram.Child<LoadPlan, LoadSummary>(LoadClient.Verb, LoadClient.RunAsync));
root.Subcommands.Add(OwnProgram.Child<SoakPlan, SoakSummary>(SoakClient.Verb, SoakClient.RunAsync));
return await root.Parse(args).InvokeAsync(cancellationToken: stop.Token);
