using System.IO.Compression;
using System.Text.Json;
using ScoringService.Inference.Tests.Encoders;

namespace ScoringService.Inference.Tests.Tokenization;

/// <summary>Files beside the tests: the base model's tokenizer, golden token ids and the sample responses.</summary>
static class Golden
{
    public static string BaseModel => MiniLm.VocabularyDirectory;

    /// <summary>Lines of a file that Hugging Face's own tokenizers made.</summary>
    public static IEnumerable<JsonElement> Lines(string name)
    {
        using var file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Golden", "tokenizer", name));
        using var reader = new StreamReader(new GZipStream(file, CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return JsonDocument.Parse(line).RootElement;
    }

    public static int[] Ids(this JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>
    /// A text, whose lone surrogates <see cref="JsonElement.GetString"/> would refuse.
    /// </summary>
    public static string Text(this JsonElement quoted)
    {
        var raw = quoted.GetRawText().AsSpan()[1..^1];
        var text = new System.Text.StringBuilder(raw.Length);
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] != '\\')
            {
                text.Append(raw[i]);
                continue;
            }
            var escape = raw[++i];
            if (escape == 'u')
            {
                text.Append((char)Convert.ToInt32(raw.Slice(i + 1, 4).ToString(), 16));
                i += 4;
            }
            else
            {
                text.Append(escape switch { 'n' => '\n', 't' => '\t', 'r' => '\r', 'b' => '\b', 'f' => '\f', _ => escape });
            }
        }
        return text.ToString();
    }

    /// <summary>The responses of every sample item, in file order.</summary>
    public static IEnumerable<string> Samples() => Directory
        .EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "samples", "science"), "*.csv")
        .Order(StringComparer.Ordinal)
        .SelectMany(TextsOf);

    /// <summary>The texts of a data set's file.</summary>
    public static IEnumerable<string> TextsOf(string file) => LastColumn(File.ReadAllText(file));

    /// <summary>The last column of an RFC 4180 file, without its header.</summary>
    static IEnumerable<string> LastColumn(string csv)
    {
        var field = new System.Text.StringBuilder();
        var quoted = false;
        var header = true;
        for (var i = 0; i < csv.Length; i++)
        {
            var c = csv[i];
            if (c == '"' && quoted && i + 1 < csv.Length && csv[i + 1] == '"')
            {
                field.Append(csv[i++]);
            }
            else if (c == '"')
            {
                quoted = !quoted;
            }
            else if (c == ',' && !quoted)
            {
                field.Clear();
            }
            else if (c == '\n' && !quoted)
            {
                if (!header)
                    yield return field.ToString();
                header = false;
                field.Clear();
            }
            else if (c != '\r' || quoted)
            {
                field.Append(c);
            }
        }
    }
}
