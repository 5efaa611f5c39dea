using System.Collections.Immutable;
using System.Globalization;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>Turns rows of text fields into labelled responses of one item, and collects what is wrong with them.</summary>
sealed class ResponseRowReader(Item item, RowErrors.Builder errors)
{
    /// <summary>What a column of second scores is called after the column of first ones.</summary>
    public const string Second = "2";

    const int LongestId = 200;

    readonly ImmutableArray<LabelledResponse>.Builder rows = ImmutableArray.CreateBuilder<LabelledResponse>();
    readonly HashSet<string> ids = [];

    /// <summary>The columns a row must have.</summary>
    public ImmutableArray<string> Columns { get; } =
        item.Scoring == ScoringKind.MultiClass ? ["id", "text", "score"] : ["id", "text", .. item.Labels];

    /// <summary>The columns a row may have beside them: a second person's scores.</summary>
    public ImmutableArray<string> OptionalColumns { get; } =
        item.Scoring == ScoringKind.MultiClass ? [$"score{Second}"] : [.. item.Labels.Select(label => $"{label}{Second}").Except(item.Labels)];

    /// <summary>The rows that were read without error.</summary>
    public ImmutableArray<LabelledResponse> Rows => rows.ToImmutable();

    /// <summary>Reads a row; null if it has errors.</summary>
    /// <param name="line">Where it starts.</param>
    /// <param name="field">The content of a column; null where the row has none.</param>
    public LabelledResponse? Read(long line, Func<string, string?> field)
    {
        var before = errors.Count;
        var id = Id(line, field("id"));
        var text = Text(line, field("text"));
        var labels = Labels(line, field, "");
        var isScoredTwice = OptionalColumns.Any(column => !string.IsNullOrEmpty(field(column)));
        ImmutableArray<bool>? second = isScoredTwice ? Labels(line, field, Second) : null;
        if (errors.Count > before)
            return null;
        var response = new LabelledResponse(id!, text!, labels) { SecondLabels = second };
        rows.Add(response);
        return response;
    }

    /// <summary>Records an error outside the fields of a row.</summary>
    public void Refuse(long line, string? column, string reason) => errors.Add(line, column, reason);

    /// <summary>What was read.</summary>
    public ResponseRows Finish()
    {
        if (rows.Count == 0 && errors.Count == 0)
            errors.Add(1, null, "There is no row.");
        return new ResponseRows(rows.ToImmutable(), errors.Build());
    }

    string? Id(long line, string? id)
    {
        if (string.IsNullOrWhiteSpace(id))
            errors.Add(line, "id", "The id is missing.");
        else if (id.Length > LongestId || id.Any(char.IsControl))
            errors.Add(line, "id", $"An id has at most {LongestId} characters and no control characters.");
        else if (!ids.Add(id))
            errors.Add(line, "id", $"The id '{id}' is there twice.");
        return id;
    }

    string? Text(long line, string? text)
    {
        if (text is null)
            errors.Add(line, "text", "The text is missing.");
        else if (text.Length > ResponseRows.MaxTextLength)
            errors.Add(line, "text", $"The text has {text.Length} characters; at most {ResponseRows.MaxTextLength} are allowed.");
        else if (text.Contains('\0'))
            errors.Add(line, "text", "The text holds a NUL character.");
        return text;
    }

    ImmutableArray<bool> Labels(long line, Func<string, string?> field, string suffix) => item.Scoring == ScoringKind.MultiClass
        ? Class(line, $"score{suffix}", field($"score{suffix}"))
        : [.. item.Labels.Select(label => Holds(line, $"{label}{suffix}", field($"{label}{suffix}")))];

    ImmutableArray<bool> Class(long line, string column, string? score)
    {
        var right = score is null ? -1 : item.Labels.IndexOf(score);
        if (right < 0 && double.TryParse(score, NumberStyles.Float, CultureInfo.InvariantCulture, out var points))
            right = item.Points.IndexOf(points);
        if (right < 0)
        {
            var reason = score is null ? "The score is missing" : "The score is not one of the item's";
            errors.Add(line, column, $"{reason}. Allowed: {string.Join(", ", item.Labels)}.");
        }
        return [.. item.Labels.Select((_, label) => label == right)];
    }

    bool Holds(long line, string label, string? value)
    {
        if (value is not ("0" or "1"))
            errors.Add(line, label, "A label is 0 or 1.");
        return value == "1";
    }
}
