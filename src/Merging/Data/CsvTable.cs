using System.Collections.Immutable;
using System.Text.Unicode;
using CsvHelper;

namespace ScoringService.Merging.Data;

/// <summary>A row of a table and the line it starts on, from 1.</summary>
readonly record struct TableRow(long Line, string[] Fields);

/// <summary>A UTF-8 CSV document (RFC 4180) with a header: the rows that could be read.</summary>
sealed record CsvTable(ImmutableArray<string> Columns, IReadOnlyList<TableRow> Rows)
{
    /// <summary>Reads a table; rows that break the quoting or do not fit the header become errors. Null if there is no usable header.</summary>
    public static CsvTable? Parse(ReadOnlyMemory<byte> utf8, RowErrors.Builder errors)
    {
        if (!IsUtf8(utf8.Span, errors))
            return null;
        using var reader = CsvReader.Create(utf8, new CsvReaderOptions
        {
            Separator = ',',
            TrackLineNumbers = true,
            MalformedData = CsvMalformedDataHandling.Skip,
            FieldCountMismatch = CsvFieldCountHandling.Skip,
            OnMalformedRecord = record => errors.Add(record.LineNumber, null, Explain(record.Reason)),
        });
        reader.ReadHeader();
        ImmutableArray<string> columns = [.. reader.Headers];
        if (!HeaderIsSound(columns, errors))
            return null;
        var rows = new List<TableRow>();
        while (reader.Read())
            rows.Add(new TableRow(reader.LineNumber, [.. Enumerable.Range(0, columns.Length).Select(reader.GetString)]));
        return new CsvTable(columns, rows);
    }

    static string Explain(CsvMalformedReason reason) => reason switch
    {
        CsvMalformedReason.FieldCountMismatch => "The row has not as many fields as the header.",
        CsvMalformedReason.UnterminatedQuote => "A quote is opened here and never closed.",
        _ => "A quote is in the wrong place. Put fields with quotes, commas or line breaks into quotes, and double the quotes inside.",
    };

    static bool HeaderIsSound(ImmutableArray<string> columns, RowErrors.Builder errors)
    {
        if (columns.All(string.IsNullOrWhiteSpace))
            errors.Add(1, null, "There is no header.");
        else if (columns.GroupBy(column => column).FirstOrDefault(same => same.Count() > 1) is { } twice)
            errors.Add(1, twice.Key, $"The column '{twice.Key}' is there twice.");
        else
            return true;
        return false;
    }

    static bool IsUtf8(ReadOnlySpan<byte> utf8, RowErrors.Builder errors)
    {
        if (Utf8.IsValid(utf8))
            return true;
        Utf8.ToUtf16(utf8, new char[utf8.Length], out var valid, out _, replaceInvalidSequences: false);
        errors.Add(1 + utf8[..valid].Count((byte)'\n'), null, "The text is not valid UTF-8. Save the file as UTF-8.");
        return false;
    }
}
