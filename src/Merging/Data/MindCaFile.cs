namespace ScoringService.Merging.Data;

/// <summary>
/// Reads MIND-CA as its authors publish and score it: CSV with a row for each child, a column <c>…_Text</c> of answers and one <c>…_Rating</c> of scores for each
/// question (<c>SFQuestion_1_Text</c> goes with <c>SFQ1_Rating</c>), or a file for each question with the columns <c>Child_ID,Answer,Score</c>.
/// </summary>
static class MindCaFile
{
    const string TextSuffix = "_Text";
    const string RatingSuffix = "_Rating";

    /// <summary>Reads a table.</summary>
    public static ScoredRows Read(string name, ReadOnlyMemory<byte> content, RowErrors.Builder errors)
    {
        var utf8 = System.Text.Encoding.UTF8.GetBytes(ScoredRows.Decode(content.Span));
        if (CsvTable.Parse(utf8, errors) is not { } table)
            return new([]);
        if (table.Columns.Contains("Answer"))
            return new(OneQuestion(name, table, errors));
        return new(ManyQuestions(table, errors));
    }

    static List<ScoredRow> OneQuestion(string name, CsvTable table, RowErrors.Builder errors)
    {
        var question = name.EndsWith(TextSuffix, StringComparison.Ordinal) ? name[..^TextSuffix.Length] : name;
        var (id, answer, score) = (ColumnOf(table, "Child_ID", errors), ColumnOf(table, "Answer", errors), ColumnOf(table, "Score", errors));
        return errors.Count > 0 ? [] : [.. table.Rows.SelectMany(row => Answer(row, question, id, answer, score, errors))];
    }

    static List<ScoredRow> ManyQuestions(CsvTable table, RowErrors.Builder errors)
    {
        var rows = new List<ScoredRow>();
        var id = ColumnOf(table, "ID", errors);
        var texts = table.Columns.Where(column => column.EndsWith(TextSuffix, StringComparison.Ordinal)).ToArray();
        if (texts.Length == 0)
            errors.Add(1, null, $"There is no column of answers: neither 'Answer' nor one that ends in '{TextSuffix}'.");
        foreach (var text in texts)
        {
            var question = text[..^TextSuffix.Length];
            var rating = ColumnOf(table, RatingOf(question), errors);
            if (errors.Count == 0)
                rows.AddRange(table.Rows.SelectMany(row => Answer(row, question, id, table.Columns.IndexOf(text), rating, errors)));
        }
        return rows;
    }

    // A child that was not asked has neither answer nor rating.
    static IEnumerable<ScoredRow> Answer(TableRow row, string question, int id, int text, int rating, RowErrors.Builder errors)
    {
        var (answer, score) = (row.Fields[text], row.Fields[rating].Trim());
        if (score.Length > 0)
            yield return new(row.Line, question, row.Fields[id].Trim(), answer, score);
        else if (answer.Trim().Length > 0)
            errors.Add(row.Line, RatingOf(question), "The answer has no rating. Rate it or leave the answer out.");
    }

    static string RatingOf(string question) => question.Replace("SFQuestion_", "SFQ", StringComparison.Ordinal) + RatingSuffix;

    static int ColumnOf(CsvTable table, string column, RowErrors.Builder errors)
    {
        var position = table.Columns.IndexOf(column);
        if (position < 0)
            errors.Add(1, column, $"The column '{column}' is missing.");
        return position;
    }
}
