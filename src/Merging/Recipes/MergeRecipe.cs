using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Planning;

namespace ScoringService.Merging.Recipes;

/// <summary>Everything that decides what a merge produces; stored with the bundle it made.</summary>
public sealed record MergeRecipe
{
    /// <summary>Items to merge; <c>["*"]</c> takes every item that has a model.</summary>
    public ImmutableArray<string> ItemIds { get; init; } = ["*"];

    /// <summary>How items are put into groups.</summary>
    public GroupingRecipe Grouping { get; init; } = new();

    /// <summary>How the encoders of one group become one: an object with <c>name</c> and the method's own parameters.</summary>
    public JsonElement Method { get; init; } = JsonSerializer.SerializeToElement(new { name = "simple-average" });

    /// <summary>What happens to the heads.</summary>
    public HeadRecipe Heads { get; init; } = new();

    /// <summary>How far a merged item may fall behind its own model.</summary>
    public FloorRecipe Floor { get; init; } = new();

    /// <summary>The <see cref="Precision"/> that asks for eight bits.</summary>
    public const string EightBits = "int8";

    /// <summary>
    /// Number format of the served encoders: <c>fp32</c>, or <c>int8</c>, which is faster and is taken for as many linear layers as keep the
    /// rounded score of 99.5 % of the validation responses; the bundle says which, or why none.
    /// </summary>
    public string Precision { get; init; } = "fp32";

    /// <summary>Whether the bundle becomes active as soon as it is published.</summary>
    public bool Activate { get; init; }
}

/// <summary>How a merge plan is found.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GroupingStrategy>))]
public enum GroupingStrategy
{
    /// <summary>Clustering by the Gromov-Wasserstein distances of the item models' features (GW-SMM §3).</summary>
    [JsonStringEnumMemberName("gromov-wasserstein")] GromovWasserstein,

    /// <summary>Clustering by similarities that the recipe states (the human experts of GW-SMM).</summary>
    [JsonStringEnumMemberName("expert")] Expert,

    /// <summary>Clustering by similarities that a language model rates from titles, prompts and rubrics; no response is sent.</summary>
    [JsonStringEnumMemberName("language-model")] LanguageModel,

    /// <summary>The groups are given.</summary>
    [JsonStringEnumMemberName("manual")] Manual,

    /// <summary>All items in one group.</summary>
    [JsonStringEnumMemberName("one")] One,

    /// <summary>Every item keeps its own encoder.</summary>
    [JsonStringEnumMemberName("none")] None,
}

/// <summary>How items are put into groups.</summary>
public sealed record GroupingRecipe
{
    /// <summary>Where the groups come from.</summary>
    public GroupingStrategy Strategy { get; init; } = GroupingStrategy.GromovWasserstein;

    /// <summary>A number of groups (gromov-wasserstein, expert, language-model), or the groups themselves (manual).</summary>
    public JsonElement? Groups { get; init; }

    /// <summary>
    /// How the clustering measures between groups: <c>average</c>, as in GW-SMM, <c>complete</c> or <c>single</c>. On the paper's similarities and
    /// with five groups <c>complete</c> gives other groups than <c>average</c>; <c>single</c> gives the same.
    /// </summary>
    public Linkage Linkage { get; init; } = Linkage.Average;

    /// <summary>
    /// Similarities for the strategy expert, <c>[items, items]</c>: rows and columns in the order of <c>itemIds</c>, 0 (nothing in common) to 1
    /// (alike), symmetric, 1 on the diagonal.
    /// </summary>
    public ImmutableArray<ImmutableArray<double>>? Similarity { get; init; }

    /// <summary>
    /// Compute only the distances that the plan depends on (gromov-wasserstein). The plan is the same; the report shows null for the other distances,
    /// no similarities, and merge heights in the unit of the distances. Default false: the report shows the whole matrix.
    /// </summary>
    public bool Prune { get; init; }

    /// <summary>Largest group that may form; null for no limit. Items per group, at least 1.</summary>
    [Range(1, 10_000)] public int? MaxGroupSize { get; init; }

    /// <summary>Which features are compared.</summary>
    public FeatureRecipe Features { get; init; } = new();
}

/// <summary>Which features of an item model form its point cloud (GW-SMM §3; algorithm brief §1.2).</summary>
public sealed record FeatureRecipe
{
    /// <summary>Index into the hidden states, negative from the end: −1 is the last layer's output, −3 the paper's choice.</summary>
    public int Layer { get; init; } = -3;

    /// <summary>The first token's state (<c>cls</c>, the paper's choice) or the mean over all tokens (<c>mean</c>).</summary>
    public Pooling Pooling { get; init; } = Pooling.Cls;

    /// <summary>Responses per item, drawn from its training split. Default 256.</summary>
    [Range(2, 4096)] public int Samples { get; init; } = 256;

    /// <summary>Seed of the draw, and of the starts that are random.</summary>
    public int Seed { get; init; }

    /// <summary>
    /// Draws of responses, with the seed and those that follow it. Distances are means over the draws, and the report shows their spread. Default 1.
    /// </summary>
    [Range(1, 10)] public int Repeats { get; init; } = 1;

    /// <summary>
    /// Starts of each comparison, of which the least distance counts: 1 from the product coupling, as GW-SMM does; 2 also by the order of
    /// eccentricity; further ones at random. More starts help against local minima where features have symmetries. Default 1.
    /// </summary>
    [Range(1, 100)] public int Restarts { get; init; } = 1;

    /// <summary>
    /// The objective itself (<c>squared</c>, as GW-SMM and Python Optimal Transport have it) or half its root (<c>half-root</c>, Mémoli's metric).
    /// Average linkage can group differently by one than by the other.
    /// </summary>
    public GwOutput Output { get; init; } = GwOutput.Squared;
}

/// <summary>What happens to the heads after a merge.</summary>
public sealed record HeadRecipe
{
    /// <summary>Fit every head again, to convergence, on the merged encoder's pooled features. Default true.</summary>
    public bool Retune { get; init; } = true;
}

/// <summary>A metric that a floor can hold.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FloorMetric>))]
public enum FloorMetric
{
    /// <summary>Quadratic weighted kappa.</summary>
    [JsonStringEnumMemberName("qwk")] Qwk,

    /// <summary>Share of responses whose labels are all right.</summary>
    [JsonStringEnumMemberName("accuracy")] Accuracy,

    /// <summary>Mean F1 over labels.</summary>
    [JsonStringEnumMemberName("macro-f1")] MacroF1,
}

/// <summary>What happens to an item that falls below the floor.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FloorBreach>))]
public enum FloorBreach
{
    /// <summary>The item keeps its own encoder.</summary>
    [JsonStringEnumMemberName("unmerge")] Unmerge,

    /// <summary>The job fails and publishes nothing.</summary>
    [JsonStringEnumMemberName("fail")] Fail,

    /// <summary>The item stays merged; the report shows the breach.</summary>
    [JsonStringEnumMemberName("keep")] Keep,
}

/// <summary>How far a merged item may fall behind its own model on validation responses.</summary>
public sealed record FloorRecipe
{
    /// <summary>What is compared. Default <c>qwk</c>.</summary>
    public FloorMetric Metric { get; init; } = FloorMetric.Qwk;

    /// <summary>Largest drop allowed, in units of the metric. Null: no floor.</summary>
    [Range(0.0, 1.0)] public double? MaxDrop { get; init; }

    /// <summary>What happens to an item that falls below.</summary>
    public FloorBreach OnBreach { get; init; } = FloorBreach.Keep;

    /// <summary>The value of <see cref="Metric"/>.</summary>
    internal double Value(MetricSet metrics) => Metric switch
    {
        FloorMetric.Accuracy => metrics.Accuracy,
        FloorMetric.MacroF1 => metrics.MacroF1,
        _ => metrics.Qwk,
    };
}
