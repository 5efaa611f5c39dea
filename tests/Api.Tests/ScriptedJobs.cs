using System.Text.Json;
using System.Threading.Channels;
using ScoringService.Api.Jobs;
using ScoringService.Merging;

namespace ScoringService.Api.Tests;

/// <summary>Jobs that report, end or fail when a test says so. They wait until they are told.</summary>
sealed class ScriptedJobs : IJobHandler
{
    readonly Channel<Func<IProgress<StageProgress>, JsonElement?>> steps =
        Channel.CreateUnbounded<Func<IProgress<StageProgress>, JsonElement?>>();

    /// <summary>The running job reports where it stands.</summary>
    public void Report(string stage, double fraction, string message) => steps.Writer.TryWrite(progress =>
    {
        progress.Report(new(stage, fraction, message));
        return null;
    });

    /// <summary>The running job ends well.</summary>
    public void Succeed(object result) => steps.Writer.TryWrite(_ => JsonSerializer.SerializeToElement(result));

    /// <summary>The running job ends badly.</summary>
    public void Fail(string message) => steps.Writer.TryWrite(_ => throw new InvalidOperationException(message));

    public JsonElement Run(JobRun job, IProgress<StageProgress> progress, CancellationToken stop)
    {
        while (true)
        {
            var step = steps.Reader.ReadAsync(stop).AsTask().GetAwaiter().GetResult();
            if (step(progress) is { } result)
                return result;
        }
    }
}
