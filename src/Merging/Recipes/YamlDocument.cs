using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace ScoringService.Merging.Recipes;

/// <summary>
/// A YAML document as the JSON it says. Plain scalars are null, booleans, numbers or strings by the core schema of YAML 1.2.2 (§10.3.2): <c>no</c>
/// and <c>1_000</c> are strings. What JSON has no word for is refused: anchors, aliases, tags, %YAML directives, further documents, infinite numbers
/// and keys that are no strings; with aliases goes every way to make a short text large.
/// </summary>
sealed class YamlDocument
{
    readonly Dictionary<string, int> lines;

    YamlDocument(ReadOnlyMemory<byte> json, Dictionary<string, int> lines) => (Json, this.lines) = (json, lines);

    /// <summary>The document as JSON.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    /// <summary>Reads a text.</summary>
    /// <exception cref="RecipeException">It is not YAML, or says more than JSON can.</exception>
    public static YamlDocument Read(string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        var writer = new Writer(new YamlDotNet.Core.Parser(new StringReader(text)), json);
        writer.WriteDocument();
        json.Flush();
        return new(buffer.WrittenMemory, writer.Lines);
    }

    /// <summary>The line, from 1, of the value at a JSON path; of what it stands in, where it is an element of a list.</summary>
    public int LineOf(string path)
    {
        int line;
        while (!lines.TryGetValue(path, out line) && path.LastIndexOfAny(['.', '[']) is > 0 and var end)
            path = path[..end];
        return line;
    }

    /// <summary>Turns events into JSON, one after the other.</summary>
    sealed class Writer(IParser events, Utf8JsonWriter json)
    {
        public Dictionary<string, int> Lines { get; } = new() { ["$"] = 1 };

        public void WriteDocument()
        {
            Next<StreamStart>();
            if (Next<ParsingEvent>() is not DocumentStart start)
                throw new RecipeException("$", 1, "There is nothing here. A recipe is an object.");
            // A tag directive cannot matter where there are no tags; another version could mean another schema.
            if (start.Version is not null)
                throw Refused("$", start, "A directive is not allowed; leave out the line that begins with %.");
            WriteValue(Next<ParsingEvent>(), "$", depth: 1);
            Next<DocumentEnd>();
            var end = Next<ParsingEvent>();
            if (end is not StreamEnd)
                throw Refused("$", end, "A second document is not allowed; a recipe is one document.");
        }

        void WriteValue(ParsingEvent value, string path, int depth)
        {
            if (depth > StrictJson.MaxDepth)
                throw Refused(path, value, $"This is nested more than {StrictJson.MaxDepth} deep.");
            switch (value)
            {
                case AnchorAlias:
                    throw Refused(path, value, "An alias is not allowed; write the value again.");
                case NodeEvent { Anchor.IsEmpty: false }:
                    throw Refused(path, value, "An anchor is not allowed; leave out the & and its name.");
                case NodeEvent { Tag.IsEmpty: false }:
                    throw Refused(path, value, "A tag is not allowed; leave out the ! and its name.");
                case Scalar scalar:
                    WriteScalar(scalar, path);
                    break;
                case SequenceStart:
                    WriteSequence(value, path, depth);
                    break;
                case MappingStart:
                    WriteMapping(value, path, depth);
                    break;
                default:
                    throw Refused(path, value, "A value is needed here.");
            }
        }

        void WriteSequence(ParsingEvent start, string path, int depth)
        {
            Lines.TryAdd(path, LineOf(start));
            json.WriteStartArray();
            var index = 0;
            for (var element = Next<ParsingEvent>(); element is not SequenceEnd; element = Next<ParsingEvent>())
                WriteValue(element, string.Create(CultureInfo.InvariantCulture, $"{path}[{index++}]"), depth + 1);
            json.WriteEndArray();
        }

        void WriteMapping(ParsingEvent start, string path, int depth)
        {
            Lines.TryAdd(path, LineOf(start));
            json.WriteStartObject();
            var keys = new HashSet<string>(StringComparer.Ordinal);
            for (var next = Next<ParsingEvent>(); next is not MappingEnd; next = Next<ParsingEvent>())
            {
                if (next is not Scalar { Anchor.IsEmpty: true, Tag.IsEmpty: true } key || CoreSchema.Resolve(key) is not ScalarKind.String)
                    throw Refused(path, next, "A key must be a plain string.");
                var place = $"{path}.{key.Value}";
                if (!keys.Add(key.Value))
                    throw Refused(place, key, $"'{key.Value}' stands here twice.");
                Lines[place] = LineOf(key);
                json.WritePropertyName(key.Value);
                WriteValue(Next<ParsingEvent>(), place, depth + 1);
            }
            json.WriteEndObject();
        }

        void WriteScalar(Scalar scalar, string path)
        {
            switch (CoreSchema.Resolve(scalar))
            {
                case ScalarKind.Null:
                    json.WriteNullValue();
                    break;
                case ScalarKind.Boolean:
                    json.WriteBooleanValue(scalar.Value[0] is 't' or 'T');
                    break;
                case ScalarKind.Number when CoreSchema.JsonNumber(scalar.Value) is { } number:
                    json.WriteRawValue(number);
                    break;
                case ScalarKind.Number:
                    throw Refused(path, scalar, "JSON cannot say this number. Give a finite one, of fewer digits.");
                default:
                    json.WriteStringValue(scalar.Value);
                    break;
            }
        }

        T Next<T>()
            where T : ParsingEvent
        {
            var line = events.Current is { } last ? (int)last.End.Line : 1;
            try
            {
                return events.MoveNext() && events.Current is T next
                    ? next
                    : throw new RecipeException("$", line, "This is not YAML: it ends too early.");
            }
            // The parser meets some slips, such as a list that is never closed, with exceptions of other kinds.
            catch (Exception slip) when (slip is not RecipeException)
            {
                throw new RecipeException(
                    "$", slip is YamlException { Start.Line: > 0 and var at } ? (int)at : line, $"This is not YAML: {slip.Message}", cause: slip);
            }
        }

        static int LineOf(ParsingEvent place) => (int)place.Start.Line;

        static RecipeException Refused(string path, ParsingEvent place, string reason) => new(path, LineOf(place), reason);
    }
}

/// <summary>What a scalar is.</summary>
enum ScalarKind
{
    String,
    Null,
    Boolean,
    Number,
}

/// <summary>The core schema of YAML 1.2.2 (§10.3.2): what a plain scalar is, by how it looks.</summary>
static partial class CoreSchema
{
    // No parameter needs so many digits, and converting very many takes long.
    const int MaxNumberLength = 64;

    /// <summary>What a scalar is; one in quotes or in a block is a string.</summary>
    public static ScalarKind Resolve(Scalar scalar) => scalar switch
    {
        { Style: not ScalarStyle.Plain } => ScalarKind.String,
        { Value: "" or "~" or "null" or "Null" or "NULL" } => ScalarKind.Null,
        { Value: "true" or "True" or "TRUE" or "false" or "False" or "FALSE" } => ScalarKind.Boolean,
        { Value: var value } when Decimal().IsMatch(value) || OtherBase().IsMatch(value) || NotFinite().IsMatch(value) => ScalarKind.Number,
        _ => ScalarKind.String,
    };

    /// <summary>A number as JSON writes it, digit for digit; null where JSON cannot.</summary>
    public static string? JsonNumber(string value)
    {
        if (value.Length > MaxNumberLength || NotFinite().IsMatch(value))
            return null;
        if (OtherBase().IsMatch(value))
            return OfOtherBase(value);

        var parts = Decimal().Match(value).Groups;
        var (whole, fraction) = (parts["whole"].Value.TrimStart('0'), parts["fraction"].Value);
        var (sign, point) = (value[0] == '-' ? "-" : "", fraction.Length == 0 ? "" : ".");
        return $"{sign}{(whole.Length == 0 ? "0" : whole)}{point}{fraction}{parts["exponent"].Value}";
    }

    static string? OfOtherBase(string value)
    {
        var (number, radix) = (0UL, value[1] == 'x' ? 16UL : 8UL);
        foreach (var digit in value.AsSpan(2))
        {
            if (number > ulong.MaxValue / radix)
                return null;
            number = (number * radix) + (ulong)Convert.ToInt32(digit.ToString(), 16);
        }
        return number.ToString(CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(
        @"^[-+]?(?:(?<whole>[0-9]+)(?:\.(?<fraction>[0-9]*))?|\.(?<fraction>[0-9]+))(?<exponent>[eE][-+]?[0-9]+)?\z")]
    private static partial Regex Decimal();

    [GeneratedRegex(@"^(?:0o[0-7]+|0x[0-9a-fA-F]+)\z")]
    private static partial Regex OtherBase();

    [GeneratedRegex(@"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\z")]
    private static partial Regex NotFinite();
}
