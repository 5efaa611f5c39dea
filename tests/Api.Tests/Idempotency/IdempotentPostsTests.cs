using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using ScoringService.Api.Jobs;
using ScoringService.Api.Storage;

namespace ScoringService.Api.Tests.Idempotency;

public sealed class IdempotentPostsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    const string Path = "/v1/admin/training-jobs/none/cancel";

    HttpClient Admin => fixture.Service.Admin;

    [Fact]
    public async Task A_replay_returns_the_first_answer_byte_by_byte()
    {
        var job = await fixture.Service.Services.GetRequiredService<JobQueue>().Enqueue(JobKinds.Training, new { }, "school", default);
        var path = $"/v1/admin/training-jobs/{job.Id}/cancel";
        using var first = await Admin.PostJson(path, new { }, "replay");
        using var second = await Admin.PostJson(path, new { }, "replay");

        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(first.StatusCode, second.StatusCode);
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        Assert.Equal(await first.Content.ReadAsByteArrayAsync(), await second.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task The_same_key_with_another_body_or_path_is_refused()
    {
        await Admin.PostJson(Path, new { a = 1 }, "other").Problem(HttpStatusCode.NotFound, "job-not-found");

        await Admin.PostJson(Path, new { a = 2 }, "other").Problem(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
        await Admin.PostJson(Path + "?x", new { a = 1 }, "other").Problem(HttpStatusCode.UnprocessableEntity, "idempotency-key-reused");
    }

    [Fact]
    public async Task Another_tenant_may_use_the_same_key()
    {
        var other = fixture.Service.Services.GetRequiredService<Api.Security.ApiKeys>().Create("college", ["admin"]).Key;
        using var client = fixture.Service.Client(other);
        await Admin.PostJson(Path, new { a = 1 }, "tenant").Problem(HttpStatusCode.NotFound, "job-not-found");

        await client.PostJson(Path, new { a = 2 }, "tenant").Problem(HttpStatusCode.NotFound, "job-not-found");
    }

    [Fact]
    public async Task While_the_first_request_runs_a_repetition_is_409_and_a_restart_releases_the_key()
    {
        using var directory = new TemporaryDirectory();
        await using (var service = await RunningService.Start(directory.Path))
        {
            await service.Admin.PostJson(Path, new { }, "running").Problem(HttpStatusCode.NotFound, "job-not-found");
            await using (var db = await service.Services.GetRequiredService<IDbContextFactory<ScoringDb>>().CreateDbContextAsync())
                Assert.Equal(1, await db.IdempotencyRecords.ExecuteUpdateAsync(set => set.SetProperty(record => record.Status, (int?)null)));

            await service.Admin.PostJson(Path, new { }, "running").Problem(HttpStatusCode.Conflict, "request-in-progress");
        }

        await using var restarted = await RunningService.Start(directory.Path);
        await restarted.Admin.PostJson(Path, new { }, "running").Problem(HttpStatusCode.NotFound, "job-not-found");
    }

    [Fact]
    public async Task An_answer_that_asks_to_come_back_is_not_kept()
    {
        var body = new { responses = new[] { new { responseId = "r", itemId = "late", text = "yes" } } };
        await fixture.Service.Scorer.PostJson("/v1/scores", body, "retry").Problem(HttpStatusCode.ServiceUnavailable, "no-active-bundle");
        var bundle = TinyBundle.Publish(fixture.Service, seed: 1, TinyBundle.Scale("late"));
        await Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json();

        await fixture.Service.Scorer.PostJson("/v1/scores", body, "retry").Json();
    }

    [Theory]
    [InlineData("with space")]
    [InlineData("")]
    public async Task A_key_that_is_none_is_refused(string key) =>
        await Admin.PostJson(Path, new { }, key).Problem(HttpStatusCode.BadRequest, "malformed-request");
}
