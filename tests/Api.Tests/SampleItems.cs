using System.Net;
using System.Text.Json;
using ScoringService.Merging.Data;

namespace ScoringService.Api.Tests;

/// <summary>Items of the real data with a few of their responses.</summary>
static class SampleItems
{
    const int Rows = 32;

    /// <summary>Defines an item and uploads training and test responses.</summary>
    public static async Task Define(HttpClient admin, string item)
    {
        await admin.PutJson($"/v1/admin/items/{item}", new
        {
            title = item,
            scoring = "multi-class",
            labels = new[] { "0", "1", "2" },
            points = new[] { 0, 1, 2 },
        }).Json(HttpStatusCode.Created);
        var data = ItemDataFile.ReadAsWritten(Path.Combine(AppContext.BaseDirectory, "samples", "science", $"{item}.csv"));
        await Upload(admin, item, "train", data.Train);
        await Upload(admin, item, "test", data.Test);
    }

    static async Task Upload(HttpClient admin, string item, string split, IEnumerable<LabelledResponse> responses)
    {
        var lines = string.Join('\n', responses.Take(Rows)
            .Select(response => JsonSerializer.Serialize(new { id = response.Id, text = response.Text, score = response.Class })));
        var answer = await admin.PutAsync($"/v1/admin/items/{item}/responses?split={split}", Http.Text(lines, "application/x-ndjson")).Json();
        Assert.Equal(Rows, answer.GetProperty("stored").GetInt32());
    }
}
