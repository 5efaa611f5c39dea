using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>Labelled responses of one item as they were read from a body or file: the good rows, and what is wrong with the others.</summary>
/// <param name="Rows">The rows without error, in order.</param>
/// <param name="Errors">What is wrong; no row should be taken unless its count is 0.</param>
public sealed record ResponseRows(ImmutableArray<LabelledResponse> Rows, RowErrors Errors)
{
    /// <summary>Longest text of a response, in UTF-16 code units.</summary>
    public const int MaxTextLength = 20_000;

    /// <summary>
    /// Reads CSV (RFC 4180) with the columns <c>id,text,score</c> of a multi-class item or <c>id,text,&lt;label&gt;…</c>, 0 or 1 each, of a
    /// multi-label one, in any order. Whatever the content, errors are returned and not thrown.
    /// </summary>
    /// <param name="body">UTF-8; read to its end.</param>
    /// <param name="item">The item the responses answer.</param>
    /// <param name="stop">Ends the reading of the body.</param>
    public static async Task<ResponseRows> ReadCsvAsync(Stream body, Item item, CancellationToken stop = default)
    {
        var errors = new RowErrors.Builder();
        var reader = new ResponseRowReader(item, errors);
        if (CsvTable.Parse(await ReadToEndAsync(body, stop), errors) is { } table && HasExpectedColumns(table, reader, errors))
        {
            foreach (var row in table.Rows)
                reader.Read(row.Line, column => table.Columns.IndexOf(column) is >= 0 and var at ? row.Fields[at] : null);
        }
        return reader.Finish();
    }

    /// <summary>
    /// Reads newline-delimited JSON: one object a line with the members <c>id</c>, <c>text</c> and <c>score</c>, or one for each label (0, 1, true
    /// or false). Whatever the content, errors are returned and not thrown.
    /// </summary>
    /// <param name="body">UTF-8; read to its end.</param>
    /// <param name="item">The item the responses answer.</param>
    /// <param name="stop">Ends the reading of the body.</param>
    public static async Task<ResponseRows> ReadNdjsonAsync(Stream body, Item item, CancellationToken stop = default)
    {
        var reader = new ResponseRowReader(item, new RowErrors.Builder());
        var rest = await ReadToEndAsync(body, stop);
        for (var line = 1; !rest.IsEmpty; line++)
        {
            var end = rest.Span.IndexOf((byte)'\n');
            var json = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            if (json.Span.ContainsAnyExcept(" \t\r"u8))
                ReadLine(line, json.Span, reader);
        }
        return reader.Finish();
    }

    static void ReadLine(int line, ReadOnlySpan<byte> json, ResponseRowReader reader)
    {
        Dictionary<string, string?>? members;
        try
        {
            members = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)?
                .ToDictionary(member => member.Key, member => Text(member.Value));
        }
        catch (JsonException)
        {
            members = null;
        }
        if (members is null)
            reader.Refuse(line, null, "The line is not one JSON object in UTF-8.");
        else if (members.Keys.FirstOrDefault(name => !reader.Columns.Contains(name) && !reader.OptionalColumns.Contains(name)) is { } unknown)
            reader.Refuse(line, unknown, $"There is no column '{unknown}'. Expected: {Expected(reader)}.");
        else
            reader.Read(line, members.GetValueOrDefault);
    }

    static string? Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.Deserialize<string>(),
        JsonValueKind.True => "1",
        JsonValueKind.False => "0",
        JsonValueKind.Null => null,
        _ => value.GetRawText(),
    };

    static bool HasExpectedColumns(CsvTable table, ResponseRowReader reader, RowErrors.Builder errors)
    {
        foreach (var missing in reader.Columns.Except(table.Columns))
            errors.Add(1, missing, $"The column '{missing}' is missing. Expected: {Expected(reader)}.");
        foreach (var unknown in table.Columns.Except(reader.Columns).Except(reader.OptionalColumns))
            errors.Add(1, unknown, $"There is no column '{unknown}'. Expected: {Expected(reader)}.");
        return errors.Count == 0;
    }

    static string Expected(ResponseRowReader reader) =>
        $"{string.Join(", ", reader.Columns)}; a second person's scores may stand in {string.Join(", ", reader.OptionalColumns)}";

    static async Task<ReadOnlyMemory<byte>> ReadToEndAsync(Stream body, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(body);
        using var buffer = new MemoryStream();
        await body.CopyToAsync(buffer, stop);
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }
}
