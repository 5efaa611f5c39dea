using System.Net;

namespace ScoringService.Api.Tests.Items;

public sealed class ItemEndpointsTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    static readonly object Scale =
        new { title = "Why?", prompt = "Why so?", scoring = "multi-class", labels = new[] { "0", "1", "2" }, points = new[] { 0, 1, 2 } };

    HttpClient Admin => fixture.Service.Admin;

    [Fact]
    public async Task A_defined_item_can_be_read_back_and_put_again_as_it_was_read()
    {
        var created = await Admin.PutJson("/v1/admin/items/again", Scale).Json(HttpStatusCode.Created);
        var read = await Admin.GetAsync("/v1/admin/items/again").Json();

        Assert.Equal(created.GetRawText(), read.GetRawText());
        Assert.Equal("again", read.String("itemId"));
        Assert.Equal(2, read.GetProperty("maximum").GetDouble());
        Assert.Equal(0, read.GetProperty("responses").GetProperty("train").GetInt32());
        await Admin.PutJson("/v1/admin/items/again", new
        {
            itemId = read.String("itemId"),
            title = "Why, then?",
            scoring = read.String("scoring"),
            labels = read.GetProperty("labels"),
            points = read.GetProperty("points"),
        }).Json();
        Assert.Equal("Why, then?", (await Admin.GetAsync("/v1/admin/items/again").Json()).String("title"));
    }

    [Fact]
    public async Task Points_left_out_count_up_for_a_scale_and_are_one_each_for_a_rubric()
    {
        var scale = await Admin.PutJson("/v1/admin/items/scale", new { scoring = "multi-class", labels = new[] { "none", "some", "all" } })
            .Json(HttpStatusCode.Created);
        var rubric = await Admin.PutJson("/v1/admin/items/rubric", new { scoring = "multi-label", labels = new[] { "cause", "effect" } })
            .Json(HttpStatusCode.Created);

        Assert.Equal("[0,1,2]", scale.GetProperty("points").GetRawText());
        Assert.Equal("[1,1]", rubric.GetProperty("points").GetRawText());
        Assert.Equal(2, rubric.GetProperty("maximum").GetDouble());
    }

    [Fact]
    public async Task A_deleted_item_is_gone()
    {
        await Admin.PutJson("/v1/admin/items/gone", Scale).Json(HttpStatusCode.Created);
        using var deleted = await Admin.DeleteAsync("/v1/admin/items/gone");

        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        await Admin.GetAsync("/v1/admin/items/gone").Problem(HttpStatusCode.NotFound, "item-not-found");
        await Admin.DeleteAsync("/v1/admin/items/gone").Problem(HttpStatusCode.NotFound, "item-not-found");
    }

    [Fact]
    public async Task Everything_wrong_with_a_definition_is_named_by_its_place_at_once()
    {
        var problem = await Admin.PutJson("/v1/admin/items/wrong", new
        {
            itemId = "right",
            title = new string('t', 501),
            scoring = "multi-label",
            labels = new[] { "text", "a", "a", "" },
            points = new[] { 1, 1 },
        }).Problem(HttpStatusCode.BadRequest, "invalid-request");

        Assert.Equal(
            ["$.itemId", "$.labels[0]", "$.labels[2]", "$.labels[3]", "$.points", "$.title"],
            problem.GetProperty("errors").EnumerateObject().Select(error => error.Name).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(".hidden")]
    [InlineData("a%2Fb")]
    [InlineData("a b")]
    [InlineData("%2e%2e")]
    public async Task An_id_that_is_no_name_is_refused(string id)
    {
        using var response = await Admin.PutJson($"/v1/admin/items/{id}", Scale);

        Assert.InRange((int)response.StatusCode, 400, 499);
    }
}
