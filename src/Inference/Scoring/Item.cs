using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace ScoringService.Inference.Scoring;

/// <summary>How an item's labels are awarded.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ScoringKind>))]
public enum ScoringKind
{
    /// <summary>Exactly one label holds: a score scale. Probabilities by softmax.</summary>
    [JsonStringEnumMemberName("multi-class")] MultiClass,

    /// <summary>Each label holds or not on its own: an analytic rubric. Probabilities by sigmoid.</summary>
    [JsonStringEnumMemberName("multi-label")] MultiLabel,
}

/// <summary>One test question with its rubric.</summary>
public sealed record Item
{
    /// <summary>Name by which clients address the item; unique in the service.</summary>
    public required string Id { get; init; }

    /// <summary>Short human-readable title.</summary>
    public string Title { get; init; } = "";

    /// <summary>The question as the student saw it.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>An answer that earns full points.</summary>
    public string ReferenceAnswer { get; init; } = "";

    /// <summary>What earns which label, for the people who score.</summary>
    public string Rubric { get; init; } = "";

    /// <summary>Score scale or analytic rubric.</summary>
    public required ScoringKind Scoring { get; init; }

    /// <summary>Names of the labels, in the order of the head's outputs.</summary>
    public required ImmutableArray<string> Labels { get; init; }

    /// <summary>Points of each label: the score of a class, or what a present label adds.</summary>
    public required ImmutableArray<double> Points { get; init; }

    /// <summary>The lowest score a response can get.</summary>
    [JsonIgnore] public double Minimum => Scoring == ScoringKind.MultiClass ? Points.Min() : Points.Sum(p => Math.Min(p, 0));

    /// <summary>The highest score a response can get.</summary>
    [JsonIgnore] public double Maximum => Scoring == ScoringKind.MultiClass ? Points.Max() : Points.Sum(p => Math.Max(p, 0));
}
