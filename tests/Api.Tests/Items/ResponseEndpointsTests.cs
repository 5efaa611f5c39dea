using System.Net;
using System.Text.Json;

namespace ScoringService.Api.Tests.Items;

public sealed class ResponseEndpointsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    HttpClient Admin => fixture.Service.Admin;

    [Fact]
    public async Task Csv_and_ndjson_replace_their_split_and_are_counted()
    {
        await Define("counted", "multi-class", "0", "1");
        await Upload("counted", "train", "id,text,score\nold,gone,0\n");

        var train = await Upload("counted", "train", "id,text,score\nr1,\"he said \"\"no\"\", twice\",1\nr2,,0\n");
        var test = await Upload("counted", "test", """{"id":"r3","text":"zwölf","score":1}""" + "\n", "application/x-ndjson");

        Assert.Equal(2, train.GetProperty("stored").GetInt32());
        Assert.Equal(1, test.GetProperty("stored").GetInt32());
        Assert.Equal("""{"train":2,"validation":0,"test":1,"scoredTwice":0}""",
            (await Admin.GetAsync("/v1/admin/items/counted").Json()).GetProperty("responses").GetRawText());
    }

    [Fact]
    public async Task A_rubric_takes_one_column_for_each_label()
    {
        await Define("rubric", "multi-label", "cause", "effect");

        Assert.Equal(2, (await Upload("rubric", "train", "id,text,cause,effect\nr1,a,1,0\nr2,b,0,0\n")).GetProperty("stored").GetInt32());
    }

    [Fact]
    public async Task A_second_persons_scores_are_stored_and_counted()
    {
        await Define("twice", "multi-class", "0", "1");

        await Upload("twice", "train", "id,text,score,score2\nr1,a,1,0\nr2,b,0,\n");
        await Upload("twice", "test", """{"id":"r3","text":"c","score":1,"score2":1}""" + "\n", "application/x-ndjson");

        Assert.Equal(2, (await Admin.GetAsync("/v1/admin/items/twice").Json()).GetProperty("responses").GetProperty("scoredTwice").GetInt32());
    }

    [Theory]
    [InlineData("asap-sas", "text/tab-separated-values", "Id\tEssaySet\tScore1\tScore2\tEssayText\n1\t1\t1\t0\tyes\n2\t1\t0\t\tno\n")]
    [InlineData("semeval-2013", "application/xml",
        "<question id=\"q\"><studentAnswer id=\"1\" accuracy=\"correct\">yes</studentAnswer><studentAnswer id=\"2\" accuracy=\"incorrect\">no</studentAnswer></question>")]
    [InlineData("mind-ca", "text/csv", "Child_ID,Answer,Score\n1,yes,1\n2,no,0\n")]
    public async Task Files_in_the_layouts_of_others_are_taken(string format, string type, string content)
    {
        await Define(format, "multi-class", format == "semeval-2013" ? ["incorrect", "correct"] : ["0", "1"]);

        var answer = await Admin.PutAsync($"/v1/admin/items/{format}/responses?split=train&format={format}", Http.Text(content, type)).Json();

        Assert.Equal(2, answer.GetProperty("stored").GetInt32());
    }

    [Fact]
    public async Task A_file_that_is_not_of_the_named_layout_is_told_by_its_lines()
    {
        await Define("torn", "multi-class", "0", "1");

        var answer = await Admin.PutAsync("/v1/admin/items/torn/responses?split=train&format=asap-sas", Http.Text("Id\tText\n", "text/csv")).Json();
        var unknown = await Admin.PutAsync("/v1/admin/items/torn/responses?split=train&format=excel", Http.Text("x", "text/csv"))
            .Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Equal(0, answer.GetProperty("stored").GetInt32());
        Assert.Contains("The column 'EssaySet' is missing", answer.GetProperty("errors").GetRawText(), StringComparison.Ordinal);
        Assert.Contains("scoring, asap-sas, semeval-2013, mind-ca", unknown.String("detail"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_bad_row_stores_nothing_and_the_first_twenty_errors_are_shown()
    {
        await Define("bad", "multi-class", "0", "1");
        await Upload("bad", "train", "id,text,score\nkept,a,1\n");
        var rows = string.Concat(Enumerable.Range(0, 25).Select(i => $"r{i},text,7\n"));

        var answer = await Upload("bad", "train", "id,text,score\ngood,a,1\n" + rows);

        Assert.Equal(0, answer.GetProperty("stored").GetInt32());
        Assert.Equal(25, answer.GetProperty("rejected").GetInt32());
        Assert.Equal(20, answer.GetProperty("errors").GetArrayLength());
        Assert.Equal(3, answer.GetProperty("errors")[0].GetProperty("line").GetInt32());
        Assert.Equal("score", answer.GetProperty("errors")[0].String("column"));
        Assert.Equal(1, (await Admin.GetAsync("/v1/admin/items/bad").Json()).GetProperty("responses").GetProperty("train").GetInt32());
    }

    [Fact]
    public async Task A_response_that_is_trained_on_cannot_also_measure()
    {
        await Define("leak", "multi-class", "0", "1");
        await Upload("leak", "train", "id,text,score\nr1,a,1\n");

        var answer = await Upload("leak", "test", "id,text,score\nr1,a,1\nr2,b,0\n");

        Assert.Equal(0, answer.GetProperty("stored").GetInt32());
        Assert.Equal(1, answer.GetProperty("rejected").GetInt32());
    }

    [Fact]
    public async Task Labels_in_use_cannot_be_changed_but_everything_else_can()
    {
        await Define("used", "multi-class", "0", "1");
        await Upload("used", "train", "id,text,score\nr1,a,1\n");

        var worthMore = new { title = "new", scoring = "multi-class", labels = new[] { "0", "1" }, points = new[] { 0, 5 } };
        await Admin.PutJson("/v1/admin/items/used", worthMore).Json();
        await Admin.PutJson("/v1/admin/items/used", new { scoring = "multi-class", labels = new[] { "0", "1", "2" } })
            .Problem(HttpStatusCode.Conflict, "labels-in-use");
    }

    [Fact]
    public async Task Another_content_type_is_415()
    {
        await Define("typed", "multi-class", "0", "1");

        await Admin.PutAsync("/v1/admin/items/typed/responses?split=train", Http.Text("{}", "application/json"))
            .Problem(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    [Fact]
    public async Task No_content_type_is_415()
    {
        await Define("untyped", "multi-class", "0", "1");

        await Admin.PutAsync("/v1/admin/items/untyped/responses?split=train", new ByteArrayContent("id,text,score\n1,a,0\n"u8.ToArray()))
            .Problem(HttpStatusCode.UnsupportedMediaType, "unsupported-media-type");
    }

    Task<JsonElement> Define(string item, string scoring, params string[] labels) =>
        Admin.PutJson($"/v1/admin/items/{item}", new { scoring, labels }).Json(HttpStatusCode.Created);

    Task<JsonElement> Upload(string item, string split, string rows, string type = "text/csv") =>
        Admin.PutAsync($"/v1/admin/items/{item}/responses?split={split}", Http.Text(rows, type)).Json();
}
