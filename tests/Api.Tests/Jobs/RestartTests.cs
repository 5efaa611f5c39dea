using System.Net;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.Tests.Jobs;

public sealed class RestartTests
{
    [Fact]
    public async Task A_restart_keeps_what_was_finished_runs_what_waited_and_fails_what_was_running()
    {
        using var directory = new TemporaryDirectory();
        string finished, running, waiting;
        var before = new ScriptedJobs();
        await using (var service = await Start(directory, before))
        {
            await service.Admin.PutJson("/v1/admin/items/kept", new { scoring = "multi-class", labels = new[] { "0", "1" } })
                .Json(HttpStatusCode.Created);
            finished = await Enqueue(service);
            before.Succeed(new { models = 3 });
            await Ended(service, finished);
            running = await Enqueue(service);
            waiting = await Enqueue(service);
            await foreach (var job in Listen(service, running))
            {
                if (job.State == JobState.Running)
                    break;
            }
        }

        var after = new ScriptedJobs();
        await using var restarted = await Start(directory, after);
        after.Succeed(new { models = 1 });

        Assert.Equal("kept", (await restarted.Admin.GetAsync("/v1/admin/items/kept").Json()).String("itemId"));
        Assert.Equal(3, (await Ended(restarted, finished)).Result!.Value.GetProperty("models").GetInt32());
        var interrupted = await Ended(restarted, running);
        Assert.Equal(JobState.Failed, interrupted.State);
        Assert.Equal("urn:scoring:problem:job-interrupted", interrupted.Problem!.Value.String("type"));
        Assert.Equal(JobState.Succeeded, (await Ended(restarted, waiting)).State);
    }

    [Fact]
    public async Task A_job_that_a_killed_service_left_running_is_marked_as_failed()
    {
        using var directory = new TemporaryDirectory();
        string killed;
        await using (var service = await Start(directory, new()))
        {
            killed = await Enqueue(service);
            await foreach (var job in Listen(service, killed))
            {
                if (job.State == JobState.Running)
                    break;
            }
        }

        using (var database = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(directory.Path, "scoring.db")}"))
        {
            database.Open();
            using var kill = database.CreateCommand();
            kill.CommandText = "UPDATE Jobs SET State = 'Running', Problem = NULL, FinishedAt = NULL";
            Assert.Equal(1, kill.ExecuteNonQuery());
        }

        await using var restarted = await Start(directory, new());

        var left = await Ended(restarted, killed);
        Assert.Equal(JobState.Failed, left.State);
        Assert.Equal("urn:scoring:problem:job-interrupted", left.Problem!.Value.String("type"));
        Assert.NotNull(left.FinishedAt);
    }

    static Task<RunningService> Start(TemporaryDirectory directory, ScriptedJobs jobs) =>
        RunningService.Start(directory.Path, builder => builder.Services.AddKeyedSingleton<IJobHandler>(JobKinds.Training, jobs));

    static async Task<string> Enqueue(RunningService service) =>
        (await service.Services.GetRequiredService<JobQueue>().Enqueue(JobKinds.Training, new { }, "school", default)).Id;

    static async Task<JobView> Ended(RunningService service, string id)
    {
        JobView? last = null;
        await foreach (var job in Listen(service, id))
            last = job;
        return last!;
    }

    static IAsyncEnumerable<JobView> Listen(RunningService service, string id)
    {
        var queue = service.Services.GetRequiredService<JobQueue>();
        return service.Services.GetRequiredService<JobFeed>().Listen(id, stop => queue.Find(JobKinds.Training, id, stop), default);
    }
}
