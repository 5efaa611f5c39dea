using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace ScoringService.Benchmarks.Serving;

/// <summary>What a row is meant to reach.</summary>
/// <param name="Row">The row.</param>
/// <param name="Member">Its member.</param>
/// <param name="Limit">The value that just reaches the goal.</param>
/// <param name="What">The goal in words.</param>
/// <param name="AtMost">Whether smaller is better.</param>
sealed record ServingGoal(string Row, string Member, double Limit, string What, bool AtMost = false)
{
    /// <summary>Whether a value reaches it.</summary>
    public bool IsReached(double measured) => AtMost ? measured <= Limit : measured >= Limit;
}

/// <summary>The serving benchmark's rows as tables for people.</summary>
static class ServingReport
{
    const string Ratio = "ratio";
    const double TwoThirds = 1 / 1.5;

    static readonly ImmutableArray<ServingGoal> Goals =
    [
        new(ServingRows.Mixed, Ratio, .9, "HTTP end to end, 64 connections, mixed items, against the engine alone"),
        new(ServingRows.SessionPerItem, Ratio, TwoThirds, "http-mixed has 1.5 times the throughput of a session per item", AtMost: true),
        new(ServingRows.SessionPerItem + ServingRows.Single, Ratio, TwoThirds, "the same with one response per request", AtMost: true),
        new(ServingRows.SessionPerItem, "rssRatio", 5, "and a fifth of its resident memory"),
        new(ServingRows.OneAtATime, Ratio, TwoThirds, "http-mixed has 1.5 times the throughput of one response per pass", AtMost: true),
        new(ServingRows.OneAtATime + ServingRows.Single, Ratio, TwoThirds, "the same with one response per request", AtMost: true),
        new(ServingRows.EWemoe, Ratio, .85, "E-WEMoE against the static encoder, same precision"),
        new(ServingRows.Wemoe, Ratio, .6, "WEMoE, exact per response, against the static encoder"),
        new(ServingRows.LowRank, Ratio, .85, "low-rank experts (rank 16, 11 items) against the static encoder"),
        new(ServingRows.StaticInt8, Ratio, 1.8, "int8 against fp32"),
        new(ServingRows.StaticInt8, "agreement", .99, "same score in int8 and fp32, share of test responses"),
        new(ServingRows.Idle, "aboveForwardMs", 1, "single idle request of 20 words: server time above the forward pass, median", AtMost: true),
        new(ServingRows.HalfLoad, Ratio, 5, "p99 at half capacity, open loop, against the single request's median", AtMost: true),
        new(ServingRows.Overload, Ratio, .9, "goodput at three times capacity, against capacity"),
        new(ServingRows.Overload, "retryAfterShare", 1, "every 429 says when to come again"),
        new(ServingRows.ManyItems, Ratio, .95, "1,000 items in one bundle against 11"),
        new(ServingRows.Million, "aboveIdleBytes", 300e6, "score batch: peak memory above idle", AtMost: true),
        new(ServingRows.Million, Ratio, .9, "score batch: throughput against the engine alone"),
        new(ServingRows.Swaps, "errors", 0, "20 swaps under load without an error", AtMost: true),
        new(ServingRows.Soak, "lost", 0, "soak: no request without its answer", AtMost: true),
        new(ServingRows.Soak, "misplaced", 0, "soak: every response answered exactly once, in order", AtMost: true),
        new(ServingRows.Soak, "wrong", 0, "soak: no wrong score", AtMost: true),
    ];

    static readonly (string Title, string Member, double Unit, string Format)[] Columns =
    [
        ("responses/s", ServingRows.Rate, 1, "0"),
        ("p50 ms", "p50Ms", 1, "0.0"),
        ("p99 ms", ServingRows.P99, 1, "0.0"),
        ("RSS MB", "rssBytes", 1e6, "0"),
        ("ratio", Ratio, 1, "0.00"),
        ("server cores", "serverCores", 1, "0.00"),
        ("client cores", "clientCores", 1, "0.00"),
        ("others' cores", "otherCores", 1, "0.00"),
    ];

    /// <summary>Members that stand in the table, or need no place in prose.</summary>
    static readonly ImmutableHashSet<string> Shown = [.. Columns.Select(column => column.Member), "name", "against", "note", "repetitions"];

    /// <summary>All of it.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="left">Rows that are left out, each with the reason.</param>
    public static string Markdown(IReadOnlyCollection<JsonObject> rows, IReadOnlyDictionary<string, string> left)
    {
        var text = new StringBuilder(Results.Heading("serving"))
            .Append("Medians over repetitions; a ratio is the median of the repetitions' ratios to the row named beside it. Latencies of open loops ")
            .Append("count from the moment at which a request should have been sent. Client and service share the machine: what the client took, ")
            .Append("and what processes took that have nothing to do with the measurement, stands beside every figure.\n");
        Section(text, "Rows", ["row", .. Columns.Select(column => column.Title), "against"], rows.Select(row => (string[])
        [
            Text(row, "name"),
            .. Columns.Select(column => Number(QualityTable.Number(row, column.Member) / column.Unit, column.Format)),
            Text(row, "against"),
        ]));
        Section(text, "Goals", ["row", "goal", "", "measured", ""],
            from goal in Goals
            from row in rows
            where Text(row, "name") == goal.Row
            let measured = QualityTable.Number(row, goal.Member)
            where measured is not null
            select new[]
            {
                goal.Row, goal.What, $"{(goal.AtMost ? "≤" : "≥")} {Number(goal.Limit, "0.###")}", Number(measured, "0.###"),
                goal.IsReached(measured.Value) ? "reached" : "missed",
            });
        Section(text, "What each row measures", ["row", "what", "besides"], rows.Select(row => new[]
        {
            Text(row, "name"), Text(row, "note"),
            string.Join(", ", row.Where(member => !Shown.Contains(member.Key) && member.Value is not null).Select(member =>
                $"{member.Key} {(QualityTable.Number(row, member.Key) is { } number ? Number(number, "0.###") : member.Value!.ToString())}")),
        }));
        if (left.Count > 0)
            Section(text, "Left out", ["row", "why"], left.Select(row => new[] { row.Key, row.Value }));
        return text.ToString();
    }

    static void Section(StringBuilder text, string title, IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows) =>
        text.Append("\n## ").Append(title).Append("\n\n").Append(Results.Table(columns, rows));

    static string Text(JsonObject row, string member) => QualityTable.Text(row, member) ?? "";

    static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
