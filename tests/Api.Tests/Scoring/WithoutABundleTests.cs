using System.Net;

namespace ScoringService.Api.Tests.Scoring;

public sealed class WithoutABundleTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    [Theory]
    [InlineData("/v1/items/any/scores", """{"responses":[{"responseId":"r","text":"t"}]}""")]
    [InlineData("/v1/scores", """{"responses":[{"responseId":"r","itemId":"any","text":"t"}]}""")]
    public async Task Scoring_asks_to_come_back(string path, string body)
    {
        using var response = await fixture.Service.Scorer.PostAsync(path, Http.Text(body, "application/json"));

        Assert.True(response.Headers.RetryAfter?.Delta > TimeSpan.Zero);
        await Task.FromResult(response).Problem(HttpStatusCode.ServiceUnavailable, "no-active-bundle");
    }

    [Fact]
    public async Task The_process_is_live_but_not_ready_and_lists_no_items()
    {
        await fixture.Service.Anonymous.GetAsync("/health/live").Json();
        await fixture.Service.Anonymous.GetAsync("/health/ready").Problem(HttpStatusCode.ServiceUnavailable, "no-active-bundle");
        Assert.Equal("""{"items":[]}""", (await fixture.Service.Scorer.GetAsync("/v1/items").Json()).GetRawText());
    }
}
