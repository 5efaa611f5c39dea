using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Unicode;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Data;

/// <summary>A scored response of a file in another layout than ours.</summary>
/// <param name="Line">Line on which it starts, from 1.</param>
/// <param name="Question">Name of its question in the file.</param>
/// <param name="Id">Its own name.</param>
/// <param name="Text">What the student wrote.</param>
/// <param name="Score">The score as it is written: a number or a judgement's name.</param>
/// <param name="SecondScore">A second person's score; null where there is none.</param>
public sealed record ScoredRow(long Line, string Question, string Id, string Text, string Score, string? SecondScore = null);

/// <summary>An item as a file tells it, with its responses.</summary>
/// <param name="Item">The item.</param>
/// <param name="Responses">Its responses, in file order.</param>
public sealed record ItemResponses(Item Item, ImmutableArray<LabelledResponse> Responses);

/// <summary>The scored responses of a file in another layout than ours.</summary>
/// <param name="Rows">The rows, in file order.</param>
/// <param name="Judgements">Names of the scores from worst to best; null where scores are numbers.</param>
/// <param name="Questions">What the file says of each question: its text and a reference answer.</param>
public sealed record ScoredRows(
    ImmutableArray<ScoredRow> Rows, ImmutableArray<string>? Judgements, IReadOnlyDictionary<string, (string Prompt, string ReferenceAnswer)> Questions)
{
    static readonly Dictionary<string, (string, string)> Silent = [];

    /// <summary>Rows whose file says nothing of the questions, and whose scores are numbers.</summary>
    internal ScoredRows(IEnumerable<ScoredRow> rows)
        : this([.. rows], null, Silent)
    {
    }

    /// <summary>Reads a file.</summary>
    /// <param name="format">Its layout; not <see cref="DataFormat.Scoring"/>.</param>
    /// <param name="name">Its name, for messages and, where one question has a file of its own, for the question.</param>
    /// <param name="content">Its bytes: UTF-8 or, where a layout's files come in it, Windows-1252.</param>
    /// <exception cref="ItemDataException">It has errors; none of it is used.</exception>
    public static ScoredRows Read(DataFormat format, string name, ReadOnlyMemory<byte> content)
    {
        var errors = new RowErrors.Builder();
        var rows = format switch
        {
            DataFormat.AsapSas => AsapSasFile.Read(content.Span, errors),
            DataFormat.SemEval2013 => SemEvalFile.Read(content, errors),
            DataFormat.MindCa => MindCaFile.Read(Path.GetFileNameWithoutExtension(name), content, errors),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Our own layout names items and splits itself; read it as such."),
        };
        if (errors.Count == 0 && rows.Rows.IsEmpty)
            errors.Add(1, null, "There is no scored response.");
        return errors.Count == 0 ? rows : throw new ItemDataException(name, errors.Build());
    }

    /// <summary>The items that the rows answer, each with the scale of the scores that occur, and their responses.</summary>
    /// <param name="name">Name of the file, for messages.</param>
    /// <exception cref="ItemDataException">A row cannot be used; then none is.</exception>
    public ImmutableArray<ItemResponses> ToItems(string name)
    {
        var errors = new RowErrors.Builder();
        var items = Rows.GroupBy(row => row.Question).Select(question =>
        {
            var item = ItemOf(question.Key, [.. question]);
            return new ItemResponses(item, Read(item, question, errors));
        }).ToImmutableArray();
        return errors.Count == 0 ? items : throw new ItemDataException(name, errors.Build());
    }

    /// <summary>The responses to one item that is defined already.</summary>
    /// <param name="item">The item; its rows are those whose question has its id, or all where the file knows one question only.</param>
    public ResponseRows ToResponses(Item item)
    {
        var errors = new RowErrors.Builder();
        var only = Rows.Select(row => row.Question).Distinct().Count() == 1;
        var own = Rows.Where(row => only || IdOf(row.Question) == item.Id).ToArray();
        if (own.Length == 0)
        {
            var known = string.Join(", ", Rows.Select(row => IdOf(row.Question)).Distinct().Take(20));
            errors.Add(1, null, $"No row answers '{item.Id}'. The file holds {known}.");
        }
        var responses = Read(item, own, errors);
        return new(errors.Count == 0 ? responses : [], errors.Build());
    }

    /// <summary>Text of a file that is UTF-8 or, if it is not, Windows-1252.</summary>
    internal static string Decode(ReadOnlySpan<byte> content)
    {
        var encoding = Utf8.IsValid(content) ? Encoding.UTF8 : CodePagesEncodingProvider.Instance.GetEncoding(1252)!;
        return encoding.GetString(content).TrimStart('\uFEFF');
    }

    /// <summary>A question's name as an item's id: what ids may not hold becomes a dash.</summary>
    static string IdOf(string question)
    {
        var id = string.Concat(question.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' ? c : '-')).TrimStart('.', '_', '-');
        return id.Length > 100 ? id[..100] : id;
    }

    static ImmutableArray<LabelledResponse> Read(Item item, IEnumerable<ScoredRow> rows, RowErrors.Builder errors)
    {
        var reader = new ResponseRowReader(item, errors);
        foreach (var row in rows)
        {
            reader.Read(row.Line, column => column switch
            {
                "id" => row.Id,
                "text" => row.Text,
                "score" => row.Score,
                "score2" => row.SecondScore,
                _ => null,
            });
        }
        return reader.Rows;
    }

    Item ItemOf(string question, ScoredRow[] rows)
    {
        var (prompt, reference) = Questions.GetValueOrDefault(question, ("", ""));
        var labels = Judgements ?? ScaleOf(rows);
        return new()
        {
            Id = IdOf(question),
            Title = question,
            Prompt = prompt,
            ReferenceAnswer = reference,
            Scoring = ScoringKind.MultiClass,
            Labels = labels,
            Points = Judgements is null
                ? [.. labels.Select(label => double.Parse(label, CultureInfo.InvariantCulture))]
                : [.. Enumerable.Range(0, labels.Length).Select(point => (double)point)],
        };
    }

    // What is no number is left to the reader of the rows, which says so.
    static ImmutableArray<string> ScaleOf(ScoredRow[] rows)
    {
        var points = new SortedSet<double>();
        foreach (var score in rows.SelectMany(row => new[] { row.Score, row.SecondScore }))
        {
            if (double.TryParse(score, NumberStyles.Float, CultureInfo.InvariantCulture, out var point) && double.IsFinite(point))
                points.Add(point);
        }
        return [.. points.Select(point => point.ToString(CultureInfo.InvariantCulture))];
    }
}
