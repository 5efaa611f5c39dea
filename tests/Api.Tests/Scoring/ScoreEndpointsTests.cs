using System.Globalization;
using System.Net;
using System.Text.Json;

namespace ScoringService.Api.Tests.Scoring;

public sealed class ScoreEndpointsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>, IAsyncLifetime
{
    string bundle = "";

    HttpClient Scorer => fixture.Service.Scorer;

    public async Task InitializeAsync()
    {
        bundle = TinyBundle.Publish(fixture.Service, seed: 2, TinyBundle.Scale("scale"), TinyBundle.Rubric("rubric"));
        await fixture.Service.Admin.PostAsync($"/v1/admin/bundles/{bundle}/activate", content: null).Json();
    }

    public Task DisposeAsync() => Task.CompletedTask;

    [Fact]
    public async Task A_score_has_every_member_of_the_contract()
    {
        var answer = await Scorer.PostJson("/v1/items/scale/scores", Responses(("r1", "because it is sunny!"))).Json();

        Assert.Equal("scale", answer.String("itemId"));
        var result = Assert.Single(answer.GetProperty("results").EnumerateArray());
        Assert.Equal(
            [
                "bundle", "confidence", "encoder", "flags", "gradingProgress", "itemId", "labels", "responseId", "score", "status", "tokens",
                "truncated",
            ],
            result.EnumerateObject().Select(member => member.Name).Order(StringComparer.Ordinal));
        Assert.Equal("scored", result.String("status"));
        Assert.Equal(bundle, result.String("bundle"));
        Assert.Equal(7, result.GetProperty("tokens").GetInt32());
        Assert.Equal(0, result.GetProperty("score").GetProperty("minimum").GetDouble());
        Assert.Equal(2, result.GetProperty("score").GetProperty("maximum").GetDouble());
        var labels = result.GetProperty("labels").EnumerateArray().ToArray();
        Assert.Equal(["0", "1", "2"], labels.Select(label => label.String("name")));
        Assert.Equal(1, labels.Sum(label => label.GetProperty("probability").GetDouble()), 6);
        Assert.False(labels[0].TryGetProperty("present", out _));
    }

    [Fact]
    public async Task A_rubric_says_of_each_label_whether_it_holds_and_adds_their_points()
    {
        var answer = await Scorer.PostJson("/v1/items/rubric/scores", Responses(("r1", "it dries"))).Json();

        var result = answer.GetProperty("results")[0];
        var present = result.GetProperty("labels").EnumerateArray().Select(label => label.GetProperty("present").GetBoolean()).ToArray();
        Assert.Equal((present[0] ? 1 : 0) + (present[1] ? 2 : 0), result.GetProperty("score").GetProperty("value").GetDouble());
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \t\n")]
    public async Task An_empty_text_is_answered_for_a_person_to_look_at(string text)
    {
        var result = (await Scorer.PostJson("/v1/items/scale/scores", Responses(("r1", text))).Json()).GetProperty("results")[0];

        Assert.Equal("""["empty"]""", result.GetProperty("flags").GetRawText());
        Assert.Equal("PendingManual", result.String("gradingProgress"));
    }

    [Fact]
    public async Task In_a_mixed_request_an_unknown_item_is_rejected_alone_and_order_is_kept()
    {
        var answer = await Scorer.PostJson("/v1/scores", new
        {
            responses = new[]
            {
                new { responseId = "a", itemId = "rubric", text = "yes" },
                new { responseId = "b", itemId = "nobody", text = "yes" },
                new { responseId = "c", itemId = "scale", text = "yes" },
            },
        }).Json();

        var results = answer.GetProperty("results").EnumerateArray().ToArray();
        Assert.Equal(["a", "b", "c"], results.Select(result => result.String("responseId")));
        Assert.Equal(["scored", "rejected", "scored"], results.Select(result => result.String("status")));
        Assert.Contains("nobody", results[1].GetProperty("problem").String("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_score_is_the_same_alone_and_among_others()
    {
        var texts = new[] { "because it is sunny!", "no", "it dries because it is sunny", "yes yes yes", "it" };
        var alone = new List<JsonElement>();
        foreach (var text in texts)
            alone.Add((await Scorer.PostJson("/v1/items/scale/scores", Responses(("r", text))).Json()).GetProperty("results")[0]);

        var together = await Scorer.PostJson("/v1/items/scale/scores", Responses([.. texts.Select((text, i) => ($"r{i}", text))])).Json();

        foreach (var (single, among) in alone.Zip(together.GetProperty("results").EnumerateArray()))
        {
            Assert.All(single.GetProperty("labels").EnumerateArray().Zip(among.GetProperty("labels").EnumerateArray()), pair =>
                Assert.Equal(pair.First.GetProperty("probability").GetDouble(), pair.Second.GetProperty("probability").GetDouble(), 1e-5));
        }
    }

    [Fact]
    public async Task Headers_say_how_long_it_took()
    {
        using var response = await Scorer.PostJson("/v1/items/scale/scores", Responses(("r1", "yes")));

        foreach (var header in new[] { "X-Queue-Time", "X-Inference-Time", "X-Total-Time" })
            Assert.True(double.Parse(response.Headers.GetValues(header).Single(), CultureInfo.InvariantCulture) >= 0);
    }

    [Fact]
    public async Task The_items_of_the_active_bundle_are_listed()
    {
        var items = (await Scorer.GetAsync("/v1/items").Json()).GetProperty("items").EnumerateArray().ToArray();
        var scale = await Scorer.GetAsync("/v1/items/scale").Json();

        Assert.Equal(["rubric", "scale"], items.Select(item => item.String("itemId")));
        Assert.Equal(bundle, scale.String("bundle"));
        Assert.Equal("multi-class", scale.String("scoring"));
        await Scorer.GetAsync("/v1/items/nobody").Problem(HttpStatusCode.NotFound, "item-not-found");
    }

    [Fact]
    public async Task Clients_may_send_members_that_scoring_does_not_know() =>
        await Scorer.PostJson("/v1/items/scale/scores", new
        {
            course = 7,
            responses = new[] { new { responseId = "r", text = "yes", locale = "en" } },
        }).Json();

    static object Responses(params (string Id, string Text)[] responses) =>
        new { responses = responses.Select(response => new { responseId = response.Id, text = response.Text }) };
}
