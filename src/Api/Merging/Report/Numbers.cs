using System.Globalization;
using ScoringService.Merging.Evaluation;

namespace ScoringService.Api.Merging.Report;

/// <summary>How a report writes its numbers.</summary>
static class Numbers
{
    const string None = "–";

    /// <summary>A metric, to three decimals.</summary>
    public static string Metric(double? value) =>
        value is { } number ? number.ToString("0.000", CultureInfo.InvariantCulture).Replace('-', '−') : None;

    /// <summary>A number far below one, to two digits.</summary>
    public static string Small(double value) => value.ToString("0.0E-0", CultureInfo.InvariantCulture).Replace('-', '−');

    /// <summary>A difference, with its sign.</summary>
    public static string Signed(double value) => value.ToString("+0.000;−0.000;0.000", CultureInfo.InvariantCulture);

    /// <summary>A share in per cent.</summary>
    public static string Percent(double? share) =>
        share is { } number ? (100 * number).ToString("0", CultureInfo.InvariantCulture).Replace('-', '−') + "\u00a0%" : None;

    /// <summary>An interval of a metric.</summary>
    public static string Range(Interval? interval) => interval is null ? "" : $"{Metric(interval.Low)} to {Metric(interval.High)}";

    /// <summary>An interval of a difference.</summary>
    public static string Range(Difference difference) => $"{Signed(difference.Low)} to {Signed(difference.High)}";

    /// <summary>A p-value; what chance does less often than once in a thousand is not told apart.</summary>
    public static string PValue(double p) => p < .001 ? "p < 0.001" : string.Create(CultureInfo.InvariantCulture, $"p = {p:0.000}");

    /// <summary>A size in decimal units.</summary>
    public static string Bytes(double bytes) => bytes switch
    {
        >= 1e9 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.00} GB"),
        >= 1e6 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0.0} MB"),
        0 => "0",
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0.0} kB"),
    };

    /// <summary>A text cut to a number of characters.</summary>
    public static string Short(string text, int length)
    {
        var characters = new StringInfo(text);
        return characters.LengthInTextElements <= length ? text : characters.SubstringByTextElements(0, length - 1) + "…";
    }
}
