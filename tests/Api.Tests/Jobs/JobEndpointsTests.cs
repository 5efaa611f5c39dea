using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;

namespace ScoringService.Api.Tests.Jobs;

public sealed class JobEndpointsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    HttpClient Admin => fixture.Service.Admin;

    [Fact]
    public async Task A_jobs_events_show_its_way_and_end_with_it()
    {
        var job = await Enqueue();
        using var stream = await Admin.GetStreamAsync($"/v1/admin/training-jobs/{job.Id}/events");
        await using var events = Events(stream).GetAsyncEnumerator();
        await Until(events, shown => shown.String("state") == "running");

        fixture.Jobs.Report("training", .25, "epoch 1 of 4");
        var reported = await Until(events, shown => shown.GetProperty("progress").GetDouble() == .25);
        fixture.Jobs.Report("training", .1, "a late report");
        var late = await Until(events, shown => shown.String("message") == "a late report");
        fixture.Jobs.Succeed(new { models = 1 });
        var ended = await Until(events, shown => shown.String("state") != "running");

        Assert.Equal("training", reported.String("stage"));
        Assert.Equal(.25, late.GetProperty("progress").GetDouble());
        Assert.Equal("succeeded", ended.String("state"));
        Assert.Equal(1, ended.GetProperty("progress").GetDouble());
        Assert.Equal(1, ended.GetProperty("result").GetProperty("models").GetInt32());
        Assert.False(await events.MoveNextAsync());

        var read = await Admin.GetAsync($"/v1/admin/training-jobs/{job.Id}").Json();
        Assert.Equal(ended.GetRawText(), read.GetRawText());
        Assert.Equal(1, read.GetProperty("attempt").GetInt32());
        Assert.Contains((await Admin.GetAsync("/v1/admin/training-jobs").Json()).GetProperty("jobs").EnumerateArray(),
            listed => listed.String("id") == job.Id);
    }

    [Fact]
    public async Task A_failed_job_says_why_and_the_next_one_runs()
    {
        var (first, second) = (await Enqueue(), await Enqueue());
        fixture.Jobs.Fail("'SC_Puddle' has no training responses.");
        fixture.Jobs.Succeed(new { });

        var failed = await End(first);
        Assert.Equal("failed", failed.String("state"));
        Assert.Equal("urn:scoring:problem:job-failed", failed.GetProperty("problem").String("type"));
        Assert.Equal("'SC_Puddle' has no training responses.", failed.GetProperty("problem").String("detail"));
        Assert.Equal("succeeded", (await End(second)).String("state"));
    }

    [Fact]
    public async Task Running_and_waiting_jobs_can_be_cancelled_and_ended_ones_cannot()
    {
        var (running, waiting) = (await Enqueue(), await Enqueue());
        using var stream = await Admin.GetStreamAsync($"/v1/admin/training-jobs/{running.Id}/events");
        await using var events = Events(stream).GetAsyncEnumerator();
        await Until(events, shown => shown.String("state") == "running");

        var cancelled = await Admin.PostAsync($"/v1/admin/training-jobs/{waiting.Id}/cancel", content: null).Json();
        await Admin.PostAsync($"/v1/admin/training-jobs/{running.Id}/cancel", content: null).Json();

        Assert.Equal("cancelled", cancelled.String("state"));
        Assert.Equal("cancelled", (await End(running)).String("state"));

        var done = await Enqueue();
        fixture.Jobs.Succeed(new { });
        await End(done);
        await Admin.PostAsync($"/v1/admin/training-jobs/{done.Id}/cancel", content: null).Problem(HttpStatusCode.Conflict, "job-ended");
    }

    [Fact]
    public async Task A_job_is_found_under_its_own_kind_only()
    {
        var job = await Enqueue();
        fixture.Jobs.Succeed(new { });

        await Admin.GetAsync($"/v1/admin/merge-jobs/{job.Id}").Problem(HttpStatusCode.NotFound, "job-not-found");
        await Admin.GetAsync("/v1/admin/training-jobs/none/events").Problem(HttpStatusCode.NotFound, "job-not-found");
        await End(job);
    }

    Task<JobView> Enqueue() =>
        fixture.Service.Services.GetRequiredService<JobQueue>().Enqueue(JobKinds.Training, new { itemIds = new[] { "any" } }, "school", default);

    async Task<JsonElement> End(JobView job)
    {
        using var stream = await Admin.GetStreamAsync($"/v1/admin/training-jobs/{job.Id}/events");
        JsonElement? last = null;
        await foreach (var shown in Events(stream))
            last = shown;
        return last!.Value;
    }

    static async IAsyncEnumerable<JsonElement> Events(Stream stream)
    {
        await foreach (var item in SseParser.Create(stream).EnumerateAsync())
        {
            Assert.Equal("job", item.EventType);
            yield return JsonElement.Parse(item.Data);
        }
    }

    static async Task<JsonElement> Until(IAsyncEnumerator<JsonElement> events, Func<JsonElement, bool> condition)
    {
        while (await events.MoveNextAsync())
        {
            if (condition(events.Current))
                return events.Current;
        }

        throw new InvalidOperationException("The events ended before what was awaited.");
    }
}
