using System.Collections.Immutable;
using System.Xml;
using System.Xml.Linq;

namespace ScoringService.Merging.Data;

/// <summary>Reads the documents of SemEval-2013 task 7 (SciEntsBank, Beetle): a question, reference answers, and students' answers with a judgement by name.</summary>
static class SemEvalFile
{
    /// <summary>All judgements from worst to best: those of the 5-way task, with <c>incorrect</c> of the coarser ones in their middle.</summary>
    static readonly string[] FromWorst = ["non_domain", "irrelevant", "contradictory", "incorrect", "partially_correct_incomplete", "correct"];

    static readonly ImmutableArray<string>[] Tasks =
    [
        ["incorrect", "correct"],
        ["contradictory", "incorrect", "correct"],
        ["non_domain", "irrelevant", "contradictory", "partially_correct_incomplete", "correct"],
    ];

    /// <summary>Reads a document that holds one question, or several.</summary>
    public static ScoredRows Read(ReadOnlyMemory<byte> content, RowErrors.Builder errors)
    {
        if (Parse(content, errors) is not { } document)
            return new([]);
        var rows = new List<ScoredRow>();
        var questions = new Dictionary<string, (string, string)>();
        foreach (var question in document.DescendantsAndSelf("question"))
        {
            if (question.Attribute("id")?.Value is not { Length: > 0 } id)
            {
                errors.Add(LineOf(question), "id", "The question has no id.");
                continue;
            }
            questions[id] = (question.Element("questionText")?.Value.Trim() ?? "", ReferenceAnswer(question));
            foreach (var answer in question.Descendants("studentAnswer"))
                rows.Add(Row(id, answer, errors));
        }
        return new([.. rows], TaskOf(rows), questions);
    }

    static ScoredRow Row(string question, XElement answer, RowErrors.Builder errors)
    {
        var judgement = answer.Attribute("accuracy")?.Value ?? "";
        if (!FromWorst.Contains(judgement))
            errors.Add(LineOf(answer), "accuracy", $"'{judgement}' is no judgement of the task. Allowed: {string.Join(", ", FromWorst)}.");
        return new(LineOf(answer), question, answer.Attribute("id")?.Value ?? "", answer.Value.Trim(), judgement);
    }

    static string ReferenceAnswer(XElement question)
    {
        var references = question.Descendants("referenceAnswer").ToArray();
        var best = references.FirstOrDefault(reference => reference.Attribute("category")?.Value == "BEST") ?? references.FirstOrDefault();
        return best?.Value.Trim() ?? "";
    }

    // The coarsest task that knows all judgements that occur.
    static ImmutableArray<string> TaskOf(List<ScoredRow> rows)
    {
        var judgements = rows.Select(row => row.Score).ToHashSet();
        var task = Tasks.FirstOrDefault(task => judgements.IsSubsetOf(task));
        return task.IsDefault ? [.. FromWorst] : task;
    }

    static XElement? Parse(ReadOnlyMemory<byte> content, RowErrors.Builder errors)
    {
        try
        {
            using var stream = new MemoryStream(content.ToArray(), writable: false);
            using var reader = XmlReader.Create(stream, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
            return XDocument.Load(reader, LoadOptions.SetLineInfo).Root;
        }
        catch (XmlException e)
        {
            errors.Add(Math.Max(1, e.LineNumber), null, $"The document is not XML without a DTD: {e.Message}");
            return null;
        }
    }

    static long LineOf(XElement element) => ((IXmlLineInfo)element).LineNumber;
}
