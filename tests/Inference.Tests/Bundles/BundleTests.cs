using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Tests.Bundles;

public sealed class BundleTests : IDisposable
{
    const int Hidden = 8;

    static readonly Item Scale = new() { Id = "SC_Puddle", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] };
    static readonly Item Rubric = new() { Id = "rubric", Scoring = ScoringKind.MultiLabel, Labels = ["motive", "trait"], Points = [1, 1] };
    static readonly Item Other = new() { Id = "SF_1", Title = "ünï", Scoring = ScoringKind.MultiClass, Labels = ["a", "b"], Points = [0, 1] };

    readonly TemporaryDirectory directory = new();

    string Root => directory["bundles"];

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_is_published_is_what_is_opened()
    {
        var (manifest, heads) = (Manifest(), Heads());
        var id = Publish(manifest, heads);

        var bundle = Bundle.Open(Path.Combine(Root, id));

        Assert.Equal(id, bundle.Id);
        Assert.Equal(manifest.CreatedAt, bundle.Manifest.CreatedAt);
        Assert.Equal("minilm-l6", bundle.Manifest.BaseModel);
        Assert.Equal(new BundleTokenizer(128), bundle.Manifest.Tokenizer);
        Assert.Equal("simple-average", bundle.Manifest.Recipe.GetProperty("method").GetProperty("name").GetString());
        Assert.Equal(.8f, bundle.Manifest.Metrics!.Value.GetProperty("qwk").GetSingle());
        Assert.Equal("abc", bundle.Manifest.Parents["SC_Puddle"]);
        Assert.Equal(["e0", "e0", "e1"], new[] { Scale, Rubric, Other }.Select(item => bundle.EncoderOf(item.Id).Name));
        Assert.Equal("ünï", bundle.Items["SF_1"].Definition.Title);
        Assert.Equal([.5f, .5f], bundle.Items["rubric"].Calibration.Thresholds.ToArray());
        Assert.Equal("graph e1", File.ReadAllText(bundle.GraphPath(bundle.EncoderOf("SF_1"))));
        Assert.Equal("[PAD]\n", File.ReadAllText(Path.Combine(bundle.TokenizerDirectory, "vocab.txt")));
        foreach (var (item, head) in heads)
        {
            Assert.Equal(head.Weight.Values, bundle.Heads[item].Weight.Values);
            Assert.Equal(head.Bias.Values, bundle.Heads[item].Bias.Values);
            Assert.Equal((head.Labels, head.Hidden), (bundle.Heads[item].Labels, bundle.Heads[item].Hidden));
        }
        Assert.Equal(
            Directory.GetFiles(Path.Combine(Root, id), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length),
            bundle.Manifest.Bytes + new FileInfo(Path.Combine(Root, id, "manifest.json")).Length);
    }

    [Fact]
    public void The_same_content_published_twice_is_one_bundle()
    {
        var first = Publish(Manifest(), Heads());
        var second = Publish(Manifest(), Heads().Reverse().ToDictionary());

        Assert.Equal(first, second);
        Assert.Equal(Path.Combine(Root, first), Assert.Single(Directory.GetFileSystemEntries(Root)));
        Assert.Equal(first, Bundle.Open(Path.Combine(Root, first)).Id);
    }

    [Fact]
    public void Another_head_makes_another_id()
    {
        var changed = Heads();
        changed["rubric"].Bias.Values[0] += 1;

        Assert.NotEqual(Publish(Manifest(), Heads()), Publish(Manifest(), changed));
    }

    [Fact]
    public void What_is_not_published_disappears()
    {
        using (var writer = new BundleWriter(Root)) WriteEncoder(writer.EncodersDirectory, "e0");

        Assert.Empty(Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void A_slash_after_the_directory_makes_no_difference()
    {
        var id = Publish(Manifest(), Heads());

        Assert.Equal(id, Bundle.Open(Path.Combine(Root, id) + Path.DirectorySeparatorChar).Id);
    }

    [Fact]
    public void A_bundle_that_would_not_open_is_not_published()
    {
        var heads = Heads();
        heads.Remove("rubric");

        Assert.Contains("rubric.weight", Assert.Throws<InvalidBundleException>(() => Publish(Manifest(), heads)).Reason, StringComparison.Ordinal);

        Assert.Empty(Directory.GetFileSystemEntries(Root));
    }

    [Fact]
    public void A_head_that_is_not_finite_is_not_published()
    {
        var heads = Heads();
        heads["rubric"].Weight.Values[1] = float.PositiveInfinity;

        Assert.Equal("rubric.weight", Assert.Throws<InvalidCheckpointException>(() => Publish(Manifest(), heads)).Tensor);
    }

    [Theory]
    [InlineData("manifest.json")]
    [InlineData("heads.safetensors")]
    [InlineData("encoders/e0.onnx")]
    [InlineData("encoders/e1.safetensors")]
    [InlineData("tokenizer/vocab.txt")]
    public void A_changed_byte_in_any_file_is_noticed(string file)
    {
        var bundle = PublishedPath();
        var path = Path.Combine(bundle, file);
        var content = File.ReadAllBytes(path);
        content[content.Length / 2] ^= 1;
        File.WriteAllBytes(path, content);

        AssertRefused(bundle, file == "manifest.json" ? "the manifest was changed" : $"another content in '{file}'");
    }

    [Fact]
    public void A_truncated_file_is_noticed()
    {
        var bundle = PublishedPath();
        File.WriteAllText(Path.Combine(bundle, "encoders/e0.onnx"), "gr");

        AssertRefused(bundle, "has 2 bytes in 'encoders/e0.onnx' instead of 8");
    }

    [Fact]
    public void A_missing_file_is_noticed()
    {
        var bundle = PublishedPath();
        File.Delete(Path.Combine(bundle, "encoders/e0.onnx"));

        AssertRefused(bundle, "lacks 'encoders/e0.onnx'");
    }

    [Fact]
    public void A_missing_manifest_is_noticed()
    {
        var bundle = PublishedPath();
        File.Delete(Path.Combine(bundle, "manifest.json"));

        AssertRefused(bundle, "has no manifest.json");
    }

    [Theory]
    [InlineData("extra.bin")]
    [InlineData("encoders/manifest.json")]
    [InlineData("encoders/.hidden")]
    public void A_file_that_is_not_listed_is_noticed(string file)
    {
        var bundle = PublishedPath();
        File.WriteAllText(Path.Combine(bundle, file), "");

        AssertRefused(bundle, $"holds '{file}', which its manifest does not list");
    }

    [Theory]
    [InlineData("encoders/e0.onnx")]
    [InlineData("manifest.json")]
    [InlineData("encoders")]
    public void A_link_is_noticed_even_to_the_same_content(string path)
    {
        if (OperatingSystem.IsWindows()) return; // Links need a privilege there.
        var bundle = PublishedPath();
        var (inside, outside) = (Path.Combine(bundle, path), directory["outside"]);
        Directory.Move(inside, outside);
        File.CreateSymbolicLink(inside, outside);

        AssertRefused(bundle, $"holds a link, '{path}'");
    }

    [Fact]
    public void A_bundle_under_another_name_is_refused()
    {
        var bundle = PublishedPath();
        Directory.Move(bundle, Path.Combine(Root, "latest"));

        AssertRefused(Path.Combine(Root, "latest"), "is not its id");
    }

    [Theory]
    [InlineData("../outside")]
    [InlineData("encoders/../../outside")]
    [InlineData("/etc/hosts")]
    [InlineData("C:/outside")]
    [InlineData("..\\outside")]
    [InlineData("encoders//e0.onnx")]
    [InlineData("")]
    public void A_path_out_of_the_bundle_is_refused(string path) => AssertRefusedAfter(
        manifest => manifest["files"]!.AsArray().Add(JsonSerializer.SerializeToNode(new { path, bytes = 0, sha256 = "" })),
        $"lists the path '{path}'");

    [Fact]
    public void A_file_listed_twice_is_refused() => AssertRefusedAfter(
        manifest => manifest["files"]!.AsArray().Add(manifest["files"]![0]!.DeepClone()), "more than once");

    [Fact]
    public void A_later_schema_is_refused_with_its_version() => AssertRefusedAfter(
        manifest =>
        {
            manifest["schemaVersion"] = 2;
            manifest["novelty"] = true;
        },
        "schema version 2; this program reads 1");

    [Theory]
    [InlineData("schemaVersion", "unreadable manifest")]
    [InlineData("files", "lacks 'encoders/e0.onnx'", """[{"path":"encoders/e0.onnx","bytes":8,"sha256":""}]""", "encoders/e0.onnx")]
    [InlineData("recipe", "unreadable manifest")]
    [InlineData("items", "unreadable manifest")]
    [InlineData("items", "unreadable manifest", "null")]
    [InlineData("items", "null in a list", "[null]")]
    [InlineData("items", "has no items", "[]")]
    [InlineData("items", "unreadable manifest", """[{"definition":{"id":"a"},"calibration":{"temperature":1,"thresholds":[]}}]""")]
    [InlineData("encoders", "no encoder for item", "[]")]
    [InlineData("encoders", "null in a list", "[null]")]
    [InlineData("encoders", "unreadable manifest", """[{"name":"e0"}]""")]
    [InlineData("novelty", "unreadable manifest", "1")]
    [InlineData("createdAt", "unreadable manifest", "\"yesterday\"")]
    public void A_malformed_manifest_is_refused(string property, string reason, string? value = null, string? delete = null)
    {
        var bundle = PublishedPath();
        if (delete is not null) File.Delete(Path.Combine(bundle, delete));
        AssertRefused(
            Resign(bundle, manifest =>
            {
                manifest.Remove(property);
                if (value is not null) manifest[property] = JsonNode.Parse(value);
            }),
            reason);
    }

    [Fact]
    public void A_manifest_that_is_no_JSON_is_refused()
    {
        var bundle = PublishedPath();
        AssertRefused(Resign(bundle, "[1"u8.ToArray()), "unreadable manifest");
    }

    [Fact]
    public void An_item_with_two_encoders_is_refused() => AssertRefusedAfter(
        manifest => manifest["encoders"]![1]!["items"]!.AsArray().Add("rubric"), "more than one encoder for item 'rubric'");

    [Fact]
    public void An_item_without_an_encoder_is_refused() => AssertRefusedAfter(
        manifest => manifest["encoders"]![0]!["items"]!.AsArray().RemoveAt(1), "no encoder for item 'rubric'");

    [Fact]
    public void An_encoder_for_an_unknown_item_is_refused() => AssertRefusedAfter(
        manifest => manifest["encoders"]![0]!["items"]!.AsArray().Add("ghost"), "encoder for item 'ghost'");

    [Fact]
    public void An_item_defined_twice_is_refused() => AssertRefusedAfter(
        manifest => manifest["items"]!.AsArray().Add(manifest["items"]![0]!.DeepClone()), "item 'SC_Puddle' more than once");

    [Fact]
    public void Two_encoders_of_one_name_are_refused() => AssertRefusedAfter(
        manifest => manifest["encoders"]![1]!["name"] = "e0", "more than one encoder 'e0'");

    [Theory]
    [InlineData("graph")]
    [InlineData("weights")]
    public void An_encoder_of_a_file_that_is_not_listed_is_refused(string property) => AssertRefusedAfter(
        manifest => manifest["encoders"]![0]![property] = "../../other", $"does not list the {property} '../../other'");

    [Fact]
    public void A_head_for_another_number_of_labels_is_refused() => AssertRefusedAfter(
        manifest =>
        {
            manifest["items"]![0]!["definition"]!["labels"]!.AsArray().Add("3");
            manifest["items"]![0]!["definition"]!["points"]!.AsArray().Add(3);
        },
        "head of weight [3,8] and bias [3] for item 'SC_Puddle' of 4 labels on encoder 'e0' of width 8");

    [Fact]
    public void A_head_for_an_encoder_of_another_width_is_refused()
    {
        var refusal = Assert.Throws<InvalidBundleException>(() => Publish(Manifest(), Heads(hidden: Hidden + 1)));

        Assert.Contains("of width 8", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_head_without_an_item_is_refused()
    {
        var heads = Heads();
        heads["ghost"] = heads["rubric"];

        var refusal = Assert.Throws<InvalidBundleException>(() => Publish(Manifest(), heads));
        Assert.Contains("belong to no item", refusal.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("temperature", "0", "temperature 0")]
    [InlineData("temperature", "-1", "temperature -1")]
    [InlineData("thresholds", "[0.5]", "exactly 2 thresholds")]
    [InlineData("thresholds", "[0.5,1.5]", "threshold outside 0..1")]
    public void A_calibration_that_makes_no_sense_is_refused(string property, string value, string reason) => AssertRefusedAfter(
        manifest => manifest["items"]![1]!["calibration"]![property] = JsonNode.Parse(value), reason);

    [Theory]
    [InlineData("labels", "[]")]
    [InlineData("labels", """["a"]""")]
    [InlineData("labels", """["a","a"]""")]
    [InlineData("labels", """["a",null]""")]
    [InlineData("points", "[1]")]
    public void An_item_that_makes_no_sense_is_refused(string property, string value) => AssertRefusedAfter(
        manifest => manifest["items"]![1]!["definition"]![property] = JsonNode.Parse(value), "item 'rubric'");

    [Fact]
    public void A_tokenizer_that_leaves_no_room_is_refused() => AssertRefusedAfter(
        manifest => manifest["tokenizer"]!["maxTokens"] = 2, "cuts responses to 2 tokens");

    [Fact]
    public void A_bundle_without_a_tokenizer_is_refused() =>
        Assert.Contains(
            "neither vocab.txt nor tokenizer.json",
            Assert.Throws<InvalidBundleException>(() => Publish(Manifest(), Heads(), tokenizer: [])).Reason,
            StringComparison.Ordinal);

    void AssertRefusedAfter(Action<JsonObject> change, string reason) => AssertRefused(Resign(PublishedPath(), change), reason);

    static void AssertRefused(string bundle, string reason)
    {
        var refusal = Assert.Throws<InvalidBundleException>(() => Bundle.Open(bundle));
        Assert.Equal(bundle, refusal.Bundle);
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
    }

    // Changes the manifest and gives the bundle the name that goes with it: only a contradiction can give it away.
    string Resign(string bundle, Action<JsonObject> change)
    {
        var manifest = JsonNode.Parse(File.ReadAllText(Path.Combine(bundle, "manifest.json")))!.AsObject();
        change(manifest);
        return Resign(bundle, JsonSerializer.SerializeToUtf8Bytes(manifest));
    }

    string Resign(string bundle, byte[] manifest)
    {
        File.WriteAllBytes(Path.Combine(bundle, "manifest.json"), manifest);
        var renamed = Path.Combine(Root, Convert.ToHexStringLower(SHA256.HashData(manifest)));
        Directory.Move(bundle, renamed);
        return renamed;
    }

    string PublishedPath() => Path.Combine(Root, Publish(Manifest(), Heads()));

    string Publish(BundleManifest manifest, Dictionary<string, Head> heads, Dictionary<string, byte[]>? tokenizer = null)
    {
        using var writer = new BundleWriter(Root);
        foreach (var encoder in manifest.Encoders) WriteEncoder(writer.EncodersDirectory, encoder.Name);
        return writer.Publish(manifest, heads, tokenizer ?? new() { ["vocab.txt"] = "[PAD]\n"u8.ToArray() });
    }

    static void WriteEncoder(string directory, string name)
    {
        File.WriteAllText(Path.Combine(directory, $"{name}.onnx"), $"graph {name}");
        SafetensorsWriter.Write(
            Path.Combine(directory, $"{name}.safetensors"),
            new Dictionary<string, Tensor> { [BertTensors.WordEmbeddings] = RandomTensor(new(name[1]), [20, Hidden]) });
    }

    static BundleManifest Manifest() => new()
    {
        CreatedAt = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        BaseModel = "minilm-l6",
        Tokenizer = new(128),
        Encoders =
        [
            new("e0", "encoders/e0.onnx", "encoders/e0.safetensors", [Scale.Id, Rubric.Id]),
            new("e1", "encoders/e1.onnx", "encoders/e1.safetensors", [Other.Id]),
        ],
        Items = [.. new[] { Scale, Rubric, Other }.Select(item => new BundleItem(item, Calibration.None(item)))],
        Method = "simple-average",
        Recipe = JsonSerializer.SerializeToElement(new { method = new { name = "simple-average" } }),
        Metrics = JsonSerializer.SerializeToElement(new { qwk = .8 }),
        Parents = ImmutableSortedDictionary<string, string>.Empty.Add("SC_Puddle", "abc"),
    };

    static Dictionary<string, Head> Heads(int hidden = Hidden)
    {
        var random = new Random(5);
        return new[] { Scale, Rubric, Other }.ToDictionary(
            item => item.Id,
            item => new Head(RandomTensor(random, [item.Labels.Length, hidden]), RandomTensor(random, [item.Labels.Length])));
    }

    static Tensor RandomTensor(Random random, ImmutableArray<int> shape) =>
        new(shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextSingle() - .5f)]);
}
