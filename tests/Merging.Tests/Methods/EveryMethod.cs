using System.Collections.Immutable;
using System.Text.Json;
using ScoringService.Merging.Methods;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Every method of the catalog but <c>auto</c>, which makes no encoder but chooses who does; those that learn for a step or two, and variants that make or store their encoder otherwise.</summary>
static class EveryMethod
{
    static readonly Dictionary<string, object> Small = new()
    {
        ["steps"] = 2, ["epochs"] = 1, ["batchSize"] = 4, ["rank"] = 4, ["samples"] = 8, ["learningRate"] = .01,
    };

    static readonly object[] Variants =
    [
        new { name = "adamerging", granularity = "task", objective = "labels" },
        new { name = "adamerging", vectors = "ties" },
        new { name = "adamerging", vectors = "awd", objective = "distill" },
        new { name = "e-wemoe", critical = "both", layerEncoding = true, pruning = "index-exact", prune = .5 },
        new { name = "wemoe", critical = "attention", origin = "shared", shared = "regmean", routerDepth = 1 },
        new { name = "wemoe", firstLayer = 1, routerDepth = 0, shared = "base" },
        new { name = "low-rank", fit = "outputs", shared = "simple-average" },
        new { name = "low-rank", selection = "router" },
        new { name = "distill", start = "regmean", featureWeight = 1 },
    ];

    /// <summary>The methods.</summary>
    public static ImmutableArray<MergeMethod> All { get; } =
        [.. MethodCatalog.Methods.Where(method => method.Name != "auto").Select(method => Parse(new { name = method.Name })), .. Variants.Select(Parse)];

    /// <summary>Reads a method; parameters that it leaves out are small, not those of a real merge.</summary>
    public static MergeMethod Parse(object method)
    {
        var settings = JsonSerializer.SerializeToElement(method).Deserialize<Dictionary<string, JsonElement>>()!;
        var known = MethodCatalog.Methods.Single(entry => entry.Name == settings["name"].GetString()).Parameters.Select(parameter => parameter.Name);
        foreach (var (name, value) in Small.Where(small => known.Contains(small.Key)))
            settings.TryAdd(name, JsonSerializer.SerializeToElement(value));
        var parsed = MethodCatalog.Parse(JsonSerializer.SerializeToElement(settings), out var errors);
        Assert.Empty(errors);
        return parsed!;
    }
}
