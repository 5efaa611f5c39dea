using System.Collections.Immutable;

namespace ScoringService.Merging.Data;

/// <summary>Layouts in which people keep scored responses.</summary>
public enum DataFormat
{
    /// <summary>Our own: see <see cref="ItemDataFile"/>.</summary>
    Scoring,

    /// <summary>ASAP-SAS: tab-separated <c>Id EssaySet Score1 Score2 EssayText</c>, one item for each essay set.</summary>
    AsapSas,

    /// <summary>SemEval-2013 task 7: an XML document for each question, its students' answers judged by name.</summary>
    SemEval2013,

    /// <summary>MIND-CA as its authors publish it: CSV with a column of answers and one of ratings for each question, or one question a file.</summary>
    MindCa,
}

/// <summary>The names of <see cref="DataFormat"/> in requests and on the command line.</summary>
public static class DataFormats
{
    static readonly ImmutableArray<(string Name, DataFormat Format)> All =
    [
        ("scoring", DataFormat.Scoring),
        ("asap-sas", DataFormat.AsapSas),
        ("semeval-2013", DataFormat.SemEval2013),
        ("mind-ca", DataFormat.MindCa),
    ];

    /// <summary>The names.</summary>
    public static IEnumerable<string> Names => All.Select(format => format.Name);

    /// <summary>The format of a name; null where there is none.</summary>
    public static DataFormat? Find(string name) => All.Where(known => known.Name == name).Select(known => (DataFormat?)known.Format).FirstOrDefault();
}
