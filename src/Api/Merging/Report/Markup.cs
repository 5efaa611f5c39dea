using System.Globalization;
using System.Net;
using System.Text;

namespace ScoringService.Api.Merging.Report;

/// <summary>
/// HTML or SVG under construction. Whatever is put into it is encoded; only what stands in the source, and other markup, is taken as it is.
/// </summary>
sealed class Markup
{
    readonly StringBuilder text = new();

    /// <summary>Starts with some markup.</summary>
    public static Markup Of(FormattableString markup) => new Markup().Add(markup);

    /// <summary>Makes one of several.</summary>
    public static Markup Each<T>(IEnumerable<T> values, Func<T, FormattableString> markup)
    {
        var all = new Markup();
        foreach (var value in values)
            all.Add(markup(value));
        return all;
    }

    /// <summary>Adds to the end; numbers are written as in English.</summary>
    public Markup Add(FormattableString markup)
    {
        text.Append(markup.ToString(Encoding.Instance));
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => text.ToString();

    sealed class Encoding : IFormatProvider, ICustomFormatter
    {
        public static Encoding Instance { get; } = new();

        public object? GetFormat(Type? formatType) =>
            formatType == typeof(ICustomFormatter) ? this : CultureInfo.InvariantCulture.GetFormat(formatType);

        public string Format(string? format, object? arg, IFormatProvider? formatProvider) => arg switch
        {
            Markup markup => markup.ToString(),
            IFormattable value => WebUtility.HtmlEncode(value.ToString(format, CultureInfo.InvariantCulture)),
            _ => WebUtility.HtmlEncode(arg?.ToString() ?? ""),
        };
    }
}
