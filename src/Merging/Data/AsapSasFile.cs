namespace ScoringService.Merging.Data;

/// <summary>Reads the tables of the ASAP short answer scoring competition: <c>Id EssaySet Score1 Score2 EssayText</c>, separated by tabs.</summary>
static class AsapSasFile
{
    static readonly string[] Columns = ["Id", "EssaySet", "Score1", "Score2", "EssayText"];

    /// <summary>Reads a table; an essay set is a question.</summary>
    public static ScoredRows Read(ReadOnlySpan<byte> content, RowErrors.Builder errors)
    {
        string[] lines = ScoredRows.Decode(content).Split('\n');
        var header = lines[0].TrimEnd('\r').Split('\t');
        foreach (var missing in Columns.Except(header))
            errors.Add(1, missing, $"The column '{missing}' is missing. Expected, separated by tabs: {string.Join(' ', Columns)}.");
        return errors.Count > 0 ? new([]) : new(Rows(lines, header, errors));
    }

    static List<ScoredRow> Rows(string[] lines, string[] header, RowErrors.Builder errors)
    {
        var rows = new List<ScoredRow>();
        int[] at = Array.ConvertAll(Columns, column => Array.IndexOf(header, column));
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length == 0)
                continue;
            var fields = line.Split('\t', header.Length);
            if (fields.Length < header.Length)
            {
                errors.Add(i + 1, null, $"The row has {fields.Length} fields instead of {header.Length}. A response must stand in one line.");
                continue;
            }
            var second = fields[at[3]].Trim();
            rows.Add(new(
                i + 1, $"ASAP_{fields[at[1]].Trim()}", fields[at[0]].Trim(), Unquoted(fields[at[4]]), fields[at[2]].Trim(), second.Length == 0 ? null : second));
        }
        return rows;
    }

    static string Unquoted(string text) => text is ['"', .. var inner, '"'] ? inner.Replace("\"\"", "\"", StringComparison.Ordinal) : text;
}
