using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Bundles;

namespace ScoringService.Inference.Tests.Bundles;

public sealed class BundleManifestTests
{
    [Fact]
    public void What_a_merge_came_from_reads_back()
    {
        var written = Manifest() with
        {
            Provenance = JsonSerializer.SerializeToElement(new { chosen = new { name = "ties" } }),
            Parents = Manifest().Parents.Add("base", "ab").Add("items/a", "cd"),
        };

        var read = BundleManifest.Parse(written.ToJson());

        Assert.Equal("ties", read.Provenance!.Value.GetProperty("chosen").GetProperty("name").GetString());
        Assert.Equal(written.Parents, read.Parents);
    }

    [Fact]
    public void A_manifest_from_before_provenance_was_kept_can_be_read()
    {
        var json = JsonNode.Parse(Manifest().ToJson())!.AsObject();
        Assert.True(json.Remove("provenance"));

        Assert.Null(BundleManifest.Parse(JsonSerializer.SerializeToUtf8Bytes(json)).Provenance);
    }

    static BundleManifest Manifest() => new()
    {
        CreatedAt = DateTimeOffset.UnixEpoch,
        BaseModel = "base",
        Tokenizer = new(16),
        Encoders = [],
        Items = [],
        Method = "auto",
        Recipe = JsonSerializer.SerializeToElement(new { }),
    };
}
