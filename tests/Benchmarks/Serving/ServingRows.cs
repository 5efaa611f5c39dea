using System.Collections.Immutable;

namespace ScoringService.Benchmarks.Serving;

/// <summary>A row of the serving benchmark.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Against">The row that its ratio divides by; null for none.</param>
/// <param name="Note">What it measures.</param>
/// <param name="Metric">The member that the ratio is of.</param>
/// <param name="Divisor">The other row's member.</param>
sealed record ServingRow(
    string Name, string? Against, string Note, string Metric = ServingRows.Rate, string Divisor = ServingRows.Rate);

/// <summary>The rows there are.</summary>
static class ServingRows
{
    public const string RawEngine = "raw-engine";
    public const string Mixed = "http-mixed";
    public const string SessionPerItem = "session-per-item";
    public const string OneAtATime = "one-at-a-time";
    public const string StaticFp32 = "static-fp32";
    public const string StaticRuntime = "static-fp32/onnxruntime";
    public const string StaticInt8 = "static-int8";
    public const string Wemoe = "wemoe-exact";
    public const string EWemoe = "e-wemoe";
    public const string LowRank = "low-rank";
    public const string Idle = "idle-single";
    public const string HalfLoad = "half-load";
    public const string Overload = "overload-3x";
    public const string ManyItems = "items-1000";
    public const string Million = "batch-million";
    public const string Swaps = "swaps-20";
    public const string Soak = "soak";

    /// <summary>Ends the names of variants that send one response per request.</summary>
    public const string Single = "/single";

    /// <summary>Member: scored responses per second.</summary>
    public const string Rate = "responsesPerSecond";

    /// <summary>Member: 99th percentile of the latency.</summary>
    public const string P99 = "p99Ms";

    const string Untrained = "routers and heads untrained, which does not change the speed";

    /// <summary>All rows, each after those it is held against.</summary>
    public static ImmutableArray<ServingRow> All { get; } =
    [
        new(RawEngine, null, "the merged encoder without a server: tokenized, sorted by length, encoded in the fastest of several batches"),
        new(Mixed, RawEngine, "64 connections, closed loop, 16 responses of mixed items per request"),
        new(Mixed + Single, RawEngine, "the same, 1 response per request"),
        new(Idle, null, "1 connection, 1 response of 20 words per request"),
        new(HalfLoad, Idle,
            "open loop, 1 response per request, at half the rate of http-mixed/single; the ratio is of p99 to idle-single's median", P99, "p50Ms"),
        new(Overload, Mixed, "open loop, 16 responses per request, at three times the rate of http-mixed"),
        new(SessionPerItem, Mixed, "a bundle of 11 item models, each in a session of ONNX Runtime and batches of its own, under the load of http-mixed"),
        new(SessionPerItem + Single, Mixed + Single, "the same under the load of http-mixed/single"),
        new(OneAtATime, Mixed, "the merged encoder with one response per forward pass (Scoring:Queue:BatchTokens=1), under the load of http-mixed"),
        new(OneAtATime + Single, Mixed + Single, "the same under the load of http-mixed/single"),
        new(ManyItems, Mixed, "1,000 items on the merged encoder: the heads of the 11 under other names"),
        new(StaticFp32, null, "the engine alone, as raw-engine, with its setting"),
        new(StaticRuntime, StaticFp32, "the same encoder in ONNX Runtime, in its own fastest setting"),
        new(StaticInt8, StaticFp32, "the same encoder in int8; agreement is the share of test responses with the same score"),
        new(Wemoe, StaticFp32, $"11 dense experts, a router of two layers in each layer; {Untrained}"),
        new(EWemoe, StaticFp32, $"11 experts pruned by nine tenths, one router for all layers; {Untrained}"),
        new(LowRank, StaticFp32, "11 experts of rank 16 on every linear layer, selected by item; heads not fitted, which does not change the speed"),
        new(Swaps, HalfLoad,
            "20 activations, two bundles in turn, under half-load's load; the ratio is of the slowest requests", "longestMs", "longestMs"),
        new(Million, RawEngine, "POST /v1/score-batches, from the first byte sent to the state 'succeeded'"),
        new(Soak, null,
            "16 connections, 1 to 32 responses per request, pauses, cut connections and swaps at random; every score compared with the bundle's own"),
    ];

    /// <summary>The rows asked for with those they are held against, in their order.</summary>
    /// <param name="names">Names separated by commas, or <c>all</c>; variants come with the row they vary.</param>
    /// <exception cref="ArgumentException">There is no such row.</exception>
    public static ImmutableHashSet<string> Named(string names)
    {
        if (names == "all")
            return [.. All.Select(row => row.Name)];
        var wanted = names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).ToHashSet();
        if (wanted.FirstOrDefault(name => All.All(row => row.Name != name)) is { } unknown)
            throw new ArgumentException($"There is no row '{unknown}'. Known: {string.Join(", ", All.Select(row => row.Name))}.");
        wanted.UnionWith(All.Select(row => row.Name)
            .Where(name => name.EndsWith(Single, StringComparison.Ordinal) && wanted.Contains(name[..^Single.Length])));
        if (wanted.Overlaps([HalfLoad, Swaps]))
            wanted.Add(Mixed + Single);
        if (wanted.Overlaps([StaticFp32, StaticRuntime, StaticInt8, Wemoe, EWemoe, LowRank]))
            wanted.Add(RawEngine);
        foreach (var row in All.Reverse())
        {
            if (wanted.Contains(row.Name) && row.Against is { } against)
                wanted.Add(against);
        }
        return [.. wanted];
    }
}
