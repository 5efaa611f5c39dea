using System.Collections.Immutable;
using System.Globalization;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>
/// Reads data sets: UTF-8 CSV files (RFC 4180), one per item and named after it, with the columns <c>id,split,item,text</c> and either <c>score</c>
/// (a multi-class item; its labels are the distinct scores) or one 0/1 column a label (a multi-label item, one point each). A second person's scores stand in
/// columns of the same names with a <c>2</c> behind, empty where there are none. A file of the same name ending in <c>.json</c> may define the item: what
/// <c>PUT /v1/admin/items/{itemId}</c> takes.
/// </summary>
public static class ItemDataFile
{
    static readonly string[] Required = ["id", "split", "item", "text"];
    static readonly string[] Splits = ["train", "validation", "test"];

    /// <summary>Reads every item of a directory, sorted by name.</summary>
    /// <exception cref="ItemDataException">A file has errors, or there is no <c>.csv</c> file.</exception>
    public static ImmutableArray<ItemData> ReadDirectory(string directory)
    {
        string[] files = [.. Directory.GetFiles(directory, "*.csv").Order(StringComparer.Ordinal)];
        return files.Length > 0
            ? [.. files.Select(Read)]
            : throw new ItemDataException(directory, new RowErrors([new RowError(0, null, "The directory holds no .csv file.")], 1));
    }

    /// <summary>
    /// Reads one item. Where no row belongs to the validation split, a tenth of the training rows is set aside (<see cref="ValidationSplit"/>).
    /// </summary>
    /// <exception cref="ItemDataException">The file has errors; none of it is used.</exception>
    public static ItemData Read(string file)
    {
        var data = ReadAsWritten(file);
        if (!data.Validation.IsEmpty)
            return data;
        var (train, validation) = ValidationSplit.HoldOut(data.Train);
        return data with { Train = train, Validation = validation };
    }

    /// <summary>Reads one item with the splits exactly as its rows name them, in file order.</summary>
    /// <exception cref="ItemDataException">The file has errors; none of it is used.</exception>
    public static ItemData ReadAsWritten(string file)
    {
        var errors = new RowErrors.Builder();
        var data = CsvTable.Parse(File.ReadAllBytes(file), errors) is { } table && HasRequiredColumns(table, errors)
            ? ReadItem(Path.GetFileNameWithoutExtension(file), Path.ChangeExtension(file, ".json"), table, errors)
            : null;
        return errors.Count == 0 ? data! : throw new ItemDataException(file, errors.Build());
    }

    static ItemData ReadItem(string id, string definition, CsvTable table, RowErrors.Builder errors)
    {
        var isScale = table.Columns.Contains("score");
        var item = ItemDefinitionFile.Read(definition, id, errors) ?? (isScale ? MultiClassItem(id, table, errors) : MultiLabelItem(id, table));
        if (isScale != (item.Scoring == ScoringKind.MultiClass))
            errors.Add(1, null, $"The columns are those of another kind of item than {Path.GetFileName(definition)} defines.");
        if (errors.Count > 0)
            return new(item, [], [], []);
        var reader = new ResponseRowReader(item, errors);
        var splits = Splits.ToDictionary(split => split, _ => ImmutableArray.CreateBuilder<LabelledResponse>());
        int splitColumn = table.Columns.IndexOf("split"), itemColumn = table.Columns.IndexOf("item");
        foreach (var row in table.Rows)
        {
            if (row.Fields[itemColumn] != id)
                errors.Add(row.Line, "item", $"The row belongs to '{row.Fields[itemColumn]}'; the file is named after '{id}'.");
            if (!splits.TryGetValue(row.Fields[splitColumn], out var split))
                errors.Add(row.Line, "split", $"There is no such split. Allowed: {string.Join(", ", Splits)}.");
            if (reader.Read(row.Line, column => table.Columns.IndexOf(column) is >= 0 and var at ? row.Fields[at] : null) is { } response)
                split?.Add(response);
        }
        if (errors.Count == 0 && splits["train"].Count == 0)
            errors.Add(1, "split", "No row belongs to the split 'train'.");
        return new ItemData(item, splits["train"].ToImmutable(), splits["validation"].ToImmutable(), splits["test"].ToImmutable());
    }

    static Item MultiClassItem(string id, CsvTable table, RowErrors.Builder errors)
    {
        var scoreColumn = table.Columns.IndexOf("score");
        var points = new SortedSet<double>();
        foreach (var row in table.Rows)
        {
            if (double.TryParse(row.Fields[scoreColumn], NumberStyles.Float, CultureInfo.InvariantCulture, out var score) && double.IsFinite(score))
                points.Add(score);
            else
                errors.Add(row.Line, "score", "The score is not a number.");
        }
        if (points.Count < 2 && errors.Count == 0)
            errors.Add(1, "score", "A score scale needs at least two different scores.");
        return new Item
        {
            Id = id,
            Scoring = ScoringKind.MultiClass,
            Labels = [.. points.Select(score => score.ToString(CultureInfo.InvariantCulture))],
            Points = [.. points],
        };
    }

    static Item MultiLabelItem(string id, CsvTable table)
    {
        ImmutableArray<string> labels = [.. LabelsOf(table)];
        return new Item { Id = id, Scoring = ScoringKind.MultiLabel, Labels = labels, Points = [.. labels.Select(_ => 1.0)] };
    }

    // Columns beside the required ones, without those of second scores.
    static IEnumerable<string> LabelsOf(CsvTable table)
    {
        var second = table.Columns.Select(column => $"{column}{ResponseRowReader.Second}");
        return table.Columns.Except(Required).Except(second);
    }

    static bool HasRequiredColumns(CsvTable table, RowErrors.Builder errors)
    {
        foreach (var missing in Required.Except(table.Columns))
            errors.Add(1, missing, $"The column '{missing}' is missing.");
        var others = LabelsOf(table).ToArray();
        if (others.Length == 0)
            errors.Add(1, null, "There is neither a column 'score' nor one for each label.");
        else if (others.Contains("score") && others.Length > 1)
            errors.Add(1, null, $"Beside 'score' there is {string.Join(", ", others.Except(["score"]))}. Keep 'score' or the labels, not both.");
        return errors.Count == 0;
    }
}

/// <summary>A data set that cannot be used.</summary>
/// <param name="path">The file or directory.</param>
/// <param name="errors">What is wrong with it.</param>
public sealed class ItemDataException(string path, RowErrors errors) : Exception($"{path} has {errors.Count} errors; the first: {errors.First[0]}")
{
    /// <summary>What is wrong.</summary>
    public RowErrors Errors => errors;
}
