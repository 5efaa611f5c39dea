using System.Text;
using System.Text.Json;

namespace ScoringService.Merging.Recipes;

/// <summary>How a recipe is written down.</summary>
public enum RecipeFormat
{
    /// <summary>JSON, as it is posted to the service.</summary>
    Json,

    /// <summary>YAML 1.2, as far as it says the same as JSON.</summary>
    Yaml,
}

/// <summary>
/// Reads merge recipes from files and texts. Both formats are read alike and strictly: a member that is unknown or stands twice and a value of
/// another type are refused, by line and path. Whether the values fit the method and the items is for those to say who know them.
/// </summary>
public static class RecipeFile
{
    /// <summary>Longest text that is read, in characters.</summary>
    public const int MaxLength = 1 << 20;

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a recipe from a file.</summary>
    /// <param name="path">A UTF-8 file, <c>.json</c>, <c>.yaml</c> or <c>.yml</c>.</param>
    /// <exception cref="RecipeException">The file does not hold a recipe.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static MergeRecipe Read(string path)
    {
        var name = Path.GetFileName(path);
        try
        {
            var format = FormatOf(name);
            // In UTF-8 a character has at most three bytes for each of UTF-16's units.
            return new FileInfo(path).Length > 3L * MaxLength ? throw TooLong() : Parse(Decode(File.ReadAllBytes(path)), format);
        }
        catch (RecipeException invalid)
        {
            throw invalid.In(name);
        }
    }

    /// <summary>Reads a recipe from a text.</summary>
    /// <param name="text">The text, up to <see cref="MaxLength"/> characters.</param>
    /// <param name="format">How it is written.</param>
    /// <exception cref="RecipeException">The text does not say a recipe.</exception>
    public static MergeRecipe Parse(string text, RecipeFormat format)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength)
            throw TooLong();
        var yaml = format == RecipeFormat.Yaml ? YamlDocument.Read(text) : null;
        try
        {
            return (yaml is null
                    ? JsonSerializer.Deserialize<MergeRecipe>(text, StrictJson.Options)
                    : JsonSerializer.Deserialize<MergeRecipe>(yaml.Json.Span, StrictJson.Options))
                ?? throw new RecipeException("$", 1, "A recipe is an object; this is null.");
        }
        catch (JsonException slip)
        {
            var place = slip.Path ?? "$";
            // The serializer appends the path, which has its own place, and positions in bytes.
            throw new RecipeException(
                place, yaml?.LineOf(place) ?? (int)(slip.LineNumber ?? 0) + 1, slip.Message.Split(" Path: ")[0], cause: slip);
        }
    }

    /// <summary>A text from its bytes.</summary>
    /// <exception cref="RecipeException">They are not UTF-8.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[Encoding.UTF8.Preamble.Length..] : bytes);
        }
        catch (DecoderFallbackException other)
        {
            throw new RecipeException("$", 1, "The text is not UTF-8. Save it as UTF-8.", cause: other);
        }
    }

    static RecipeFormat FormatOf(string name) => Path.GetExtension(name).ToUpperInvariant() switch
    {
        ".JSON" => RecipeFormat.Json,
        ".YAML" or ".YML" => RecipeFormat.Yaml,
        _ => throw new RecipeException("$", 1, "A recipe's name ends in .json, .yaml or .yml."),
    };

    static RecipeException TooLong() => new("$", 1, $"A recipe has at most {MaxLength} characters.");
}
