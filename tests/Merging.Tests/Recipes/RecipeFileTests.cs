using System.Text;
using System.Text.Json;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Tests.Recipes;

public sealed class RecipeFileTests
{
    const string Json =
        """
        {
          "itemIds": ["a", "b"],
          "grouping": { "strategy": "manual", "groups": [["a"], ["b"]], "maxGroupSize": null, "features": { "layer": -2, "pooling": "mean" } },
          "method": { "name": "ties", "density": 0.25, "scope": "model" },
          "floor": { "metric": "macro-f1", "maxDrop": 0.02, "onBreach": "unmerge" },
          "activate": true
        }
        """;

    const string Yaml =
        """
        # The same recipe, in the ways YAML can say it.
        itemIds: [a, "b"]
        grouping:
          strategy: manual
          groups:
            - [a]
            - - b
          maxGroupSize: ~
          features: { layer: -2, pooling: mean }
        method:
          name: ties
          density: .25
          scope: 'model'
        floor: { metric: macro-f1, maxDrop: 2e-2, onBreach: unmerge }
        activate: true
        """;

    [Fact]
    public void Json_and_yaml_say_the_same_recipe()
    {
        MergeRecipe json = RecipeFile.Parse(Json, RecipeFormat.Json), yaml = RecipeFile.Parse(Yaml, RecipeFormat.Yaml);

        Assert.Equal(["a", "b"], yaml.ItemIds.AsEnumerable());
        Assert.Equal(GroupingStrategy.Manual, yaml.Grouping.Strategy);
        Assert.Equal(new FeatureRecipe { Layer = -2, Pooling = Pooling.Mean }, yaml.Grouping.Features);
        Assert.Equal(0.25, yaml.Method.GetProperty("density").GetDouble());
        Assert.Equal(0.02, yaml.Floor.MaxDrop);
        Assert.Equal(json.Floor, yaml.Floor);
        Assert.Equal(json.Activate, yaml.Activate);
        Assert.True(JsonElement.DeepEquals(json.Grouping.Groups!.Value, yaml.Grouping.Groups!.Value));
        Assert.True(JsonElement.DeepEquals(json.Method, yaml.Method));
    }

    // The examples of YAML 1.2.2, §10.3.2, and neighbours that older versions read otherwise.
    [Theory]
    [InlineData("null", "null")]
    [InlineData("~", "null")]
    [InlineData("", "null")]
    [InlineData("true", "true")]
    [InlineData("FALSE", "false")]
    [InlineData("yes", "\"yes\"")]
    [InlineData("no", "\"no\"")]
    [InlineData("tRUE", "\"tRUE\"")]
    [InlineData("\"true\"", "\"true\"")]
    [InlineData("'1'", "\"1\"")]
    [InlineData("0", "0")]
    [InlineData("-19", "-19")]
    [InlineData("+12", "12")]
    [InlineData("007", "7")]
    [InlineData("0o7", "7")]
    [InlineData("0x3A", "58")]
    [InlineData("0xFFFFFFFFFFFFFFFF", "18446744073709551615")]
    [InlineData("0.", "0")]
    [InlineData("-0.0", "-0.0")]
    [InlineData(".5", "0.5")]
    [InlineData("+12e03", "12e03")]
    [InlineData("-2E+05", "-2E+05")]
    [InlineData("1_000", "\"1_000\"")]
    [InlineData("1:30", "\"1:30\"")]
    [InlineData("0b11", "\"0b11\"")]
    [InlineData("-0x1", "\"-0x1\"")]
    [InlineData("1.2.3", "\"1.2.3\"")]
    [InlineData("2026-01-01", "\"2026-01-01\"")]
    [InlineData("<<", "\"\\u003C\\u003C\"")]
    public void A_scalar_is_what_the_core_schema_says(string scalar, string json) =>
        Assert.Equal(json, MethodOf($"method: {{ value: {scalar} }}").GetProperty("value").GetRawText());

    [Fact]
    public void A_block_scalar_is_a_string() =>
        Assert.Equal("1\n", MethodOf("method:\n  value: |\n    1\n").GetProperty("value").GetString());

    [Theory]
    [InlineData("itemIds: [a]\ngrouping:\n  features:\n    layr: -3\n", 4, "$.grouping.features.layr")]
    [InlineData("grouping:\n  strategy: astrology\n", 2, "$.grouping.strategy")]
    [InlineData("grouping:\n  features:\n    layer: '3'\n", 3, "$.grouping.features.layer")]
    [InlineData("grouping:\n  features:\n    samples: 1.5\n", 3, "$.grouping.features.samples")]
    [InlineData("activate: yes\n", 1, "$.activate")]
    [InlineData("itemIds:\n  - a\n  - 7\n", 1, "$.itemIds[1]")]
    [InlineData("method:\n  name: ties\n  name: awd\n", 3, "$.method.name")]
    [InlineData("method:\n  name: &n ties\n", 2, "$.method.name")]
    [InlineData("&all\nactivate: true\n", 1, "$")]
    [InlineData("method:\n  name: *n\n", 2, "$.method.name")]
    [InlineData("method:\n  name: !!str ties\n", 2, "$.method.name")]
    [InlineData("method: !recipe\n  name: ties\n", 1, "$.method")]
    [InlineData("itemIds: !!set\n  ? a\n", 1, "$.itemIds")]
    [InlineData("!!str activate: true\n", 1, "$")]
    [InlineData("method:\n  name: ties\n  1: one\n", 3, "$.method")]
    [InlineData("method:\n  name: ties\n  ? [a, b]\n  : one\n", 3, "$.method")]
    [InlineData("method:\n  lambda: .inf\n", 2, "$.method.lambda")]
    [InlineData("method:\n  lambda: .NaN\n", 2, "$.method.lambda")]
    [InlineData("method:\n  lambda: 0x10000000000000000\n", 2, "$.method.lambda")]
    [InlineData("activate: true\n---\nactivate: false\n", 2, "$")]
    [InlineData("%YAML 1.1\n---\nactivate: true\n", 1, "$")]
    [InlineData("method: { name: ties\n", 2, "$")]
    [InlineData("itemIds: [a\nmethod: b\n", 1, "$")]
    [InlineData("", 1, "$")]
    [InlineData("# nothing\n", 1, "$")]
    [InlineData("null\n", 1, "$")]
    [InlineData("- a\n- b\n", 1, "$")]
    public void What_is_wrong_in_yaml_is_named_by_line_and_path(string yaml, int line, string path)
    {
        var refused = Assert.Throws<RecipeException>(() => RecipeFile.Parse(yaml, RecipeFormat.Yaml));

        Assert.Equal((line, path), (refused.Line, refused.Path));
        Assert.StartsWith($"line {line}, {path}: ", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\n\"grouping\": {\n\"layr\": 1}}", 3, "$.grouping.layr")]
    [InlineData("{\"activate\": true,\n\"activate\": true}", 2, "$")]
    [InlineData("{\"activate\": 1}", 1, "$.activate")]
    [InlineData("null", 1, "$")]
    [InlineData("{", 1, "$")]
    public void What_is_wrong_in_json_is_named_by_line_and_path(string json, int line, string path)
    {
        var refused = Assert.Throws<RecipeException>(() => RecipeFile.Parse(json, RecipeFormat.Json));

        Assert.Equal(line, refused.Line);
        Assert.StartsWith(path, refused.Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[", 1_000_000)]
    [InlineData("{a: ", 250_000)]
    [InlineData("- ", 500_000)]
    [InlineData("? ", 500_000)]
    public void Nesting_beyond_what_json_may_have_is_refused(string opening, int times)
    {
        var nested = string.Concat(Enumerable.Repeat(opening, times));

        Assert.Throws<RecipeException>(() => RecipeFile.Parse(nested, RecipeFormat.Yaml));
    }

    [Fact]
    public void A_text_that_grows_through_aliases_is_refused_at_its_first_anchor()
    {
        var bomb = new StringBuilder("a: &a [x, x, x, x, x, x, x, x, x]\n");
        foreach (var (letter, before) in "bcdefghi".Zip("abcdefgh"))
            bomb.Append(letter).Append(": &").Append(letter).Append(" [").AppendJoin(", ", Enumerable.Repeat($"*{before}", 9)).Append("]\n");

        var refused = Assert.Throws<RecipeException>(() => RecipeFile.Parse(bomb.ToString(), RecipeFormat.Yaml));

        Assert.Equal((1, "$.a"), (refused.Line, refused.Path));
    }

    [Theory]
    [InlineData(RecipeFormat.Json)]
    [InlineData(RecipeFormat.Yaml)]
    public void A_text_beyond_the_limit_is_refused_before_it_is_read(RecipeFormat format) =>
        Assert.Contains("characters", Assert.Throws<RecipeException>(
            () => RecipeFile.Parse(new string(' ', RecipeFile.MaxLength + 1), format)).Message, StringComparison.Ordinal);

    [Fact]
    public void Whatever_stands_in_a_text_it_is_a_recipe_or_refused()
    {
        string[] pieces =
        [
            .. Yaml.Split(' '), "\n", "\t", " ", ":", "-", "?", "[", "]", "{", "}", ",", "&a", "*a", "!!x", "|", ">", "\"", "'", "\\ud800", "\"\\ud800\"",
            "%YAML 1.2\n", "---\n", "...\n", "\uFEFF", "\0", "\u0085", "\u2028", "@", "`", "#", "0x", ".inf", "\"\\x\"", "<<:",
        ];
        for (var seed = 0; seed < 3000; seed++)
        {
            var random = new Random(seed);
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 12)).Select(_ => pieces[random.Next(pieces.Length)]));
            var thrown = Record.Exception(() => RecipeFile.Parse(text, RecipeFormat.Yaml));
            Assert.True(thrown is null or RecipeException, $"seed {seed}, {JsonSerializer.Serialize(text)}: {thrown}");
        }
    }

    [Theory]
    [InlineData("recipe.json", Json)]
    [InlineData("recipe.yaml", Yaml)]
    [InlineData("recipe.YML", Yaml)]
    public void A_file_is_read_by_its_ending(string name, string text) => InFile(name, Encoding.UTF8.GetBytes(text), path =>
        Assert.Equal(["a", "b"], RecipeFile.Read(path).ItemIds.AsEnumerable()));

    [Fact]
    public void A_byte_order_mark_is_passed_over() => InFile("recipe.yaml", [.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(Yaml)], path =>
        Assert.True(RecipeFile.Read(path).Activate));

    [Theory]
    [InlineData("recipe.txt", "activate: true")]
    [InlineData("recipe.yaml", "activate: 1")]
    [InlineData("recipe.json", "activate: true")]
    [InlineData("recipe.yaml", "title: caf\xC3\x28")]
    public void A_refusal_names_the_file(string name, string latin1) => InFile(name, Encoding.Latin1.GetBytes(latin1), path =>
        Assert.StartsWith($"{name}, line 1, $", Assert.Throws<RecipeException>(() => RecipeFile.Read(path)).Message, StringComparison.Ordinal));

    static JsonElement MethodOf(string yaml) => RecipeFile.Parse(yaml, RecipeFormat.Yaml).Method;

    static void InFile(string name, byte[] content, Action<string> assert)
    {
        var directory = Directory.CreateTempSubdirectory("recipe").FullName;
        try
        {
            File.WriteAllBytes(Path.Combine(directory, name), content);
            assert(Path.Combine(directory, name));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
