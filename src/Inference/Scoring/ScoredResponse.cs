using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace ScoringService.Inference.Scoring;

/// <summary>A response to score.</summary>
/// <param name="ResponseId">The caller's name for it.</param>
/// <param name="ItemId">The item it answers.</param>
/// <param name="Text">What the student wrote; may be empty.</param>
public sealed record ResponseToScore(string ResponseId, string ItemId, string Text);

/// <summary>What became of a response.</summary>
/// <param name="ResponseId">The caller's name for it.</param>
/// <param name="ItemId">The item it answers.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "status")]
[JsonDerivedType(typeof(ScoredResponse), "scored")]
[JsonDerivedType(typeof(RejectedResponse), "rejected")]
public abstract record ResponseResult(string ResponseId, string ItemId);

/// <summary>A response that could not be scored.</summary>
/// <param name="ResponseId">The caller's name for it.</param>
/// <param name="ItemId">The item it was meant to answer.</param>
/// <param name="Problem">Why.</param>
public sealed record RejectedResponse(string ResponseId, string ItemId, Rejection Problem) : ResponseResult(ResponseId, ItemId);

/// <summary>Why a response could not be scored.</summary>
/// <param name="Type">Stable name of the kind of problem.</param>
/// <param name="Title">What kind of problem it is.</param>
/// <param name="Detail">What happened here, and what to do.</param>
public sealed record Rejection(string Type, string Title, string Detail);

/// <summary>A response with its score.</summary>
/// <param name="ResponseId">The caller's name for it.</param>
/// <param name="ItemId">The item it answers.</param>
public sealed record ScoredResponse(string ResponseId, string ItemId) : ResponseResult(ResponseId, ItemId)
{
    /// <summary>The score.</summary>
    public required Score Score { get; init; }

    /// <summary>The item's labels in their order; none for an empty response, which no model has read.</summary>
    public required ImmutableArray<LabelProbability> Labels { get; init; }

    /// <summary>How sure the model is, in 0..1; see <see cref="ScoreScale"/>. 0 for an empty response.</summary>
    public required double Confidence { get; init; }

    /// <summary>Whether a person should look at the score: exactly when there is a flag.</summary>
    public GradingProgress GradingProgress => Flags.IsEmpty ? GradingProgress.FullyGraded : GradingProgress.PendingManual;

    /// <summary>Reasons for a person to look at the score.</summary>
    public required ImmutableArray<ReviewReason> Flags { get; init; }

    /// <summary>Id of the bundle that scored it.</summary>
    public required string Bundle { get; init; }

    /// <summary>Name of the encoder that read it.</summary>
    public required string Encoder { get; init; }

    /// <summary>Tokens the encoder read, <c>[CLS]</c> and <c>[SEP]</c> included.</summary>
    public required int Tokens { get; init; }

    /// <summary>Whether the end of the text was left out.</summary>
    public required bool Truncated { get; init; }
}

/// <summary>A score on an item's scale.</summary>
/// <param name="Value">The points awarded.</param>
/// <param name="Expected">The points to expect under the labels' probabilities.</param>
/// <param name="Minimum">The lowest score the item allows.</param>
/// <param name="Maximum">The highest score the item allows.</param>
public sealed record Score(double Value, double Expected, double Minimum, double Maximum);

/// <summary>How probable a label is.</summary>
/// <param name="Name">The label.</param>
/// <param name="Probability">In 0..1.</param>
/// <param name="Present">Multi-label items: whether the label is awarded. Multi-class items: null.</param>
public sealed record LabelProbability(
    string Name, double Probability, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Present = null);

/// <summary>Where grading stands, by the names of LTI Assignment and Grade Services.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<GradingProgress>))]
public enum GradingProgress
{
    /// <summary>The score stands.</summary>
    FullyGraded,

    /// <summary>A person should look at it.</summary>
    PendingManual,
}

/// <summary>Why a person should look at a score.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ReviewReason>))]
public enum ReviewReason
{
    /// <summary>There is nothing to read; no model was asked.</summary>
    [JsonStringEnumMemberName("empty")] Empty,

    /// <summary>The response has fewer words than <see cref="ReviewOptions.MinWords"/>.</summary>
    [JsonStringEnumMemberName("too_short")] TooShort,

    /// <summary>The end of the response was not read.</summary>
    [JsonStringEnumMemberName("truncated")] Truncated,

    /// <summary>The confidence is below <see cref="ReviewOptions.MinConfidence"/>.</summary>
    [JsonStringEnumMemberName("low_confidence")] LowConfidence,

    /// <summary>More of the response than <see cref="ReviewOptions.MaxUnknown"/> is in no vocabulary.</summary>
    [JsonStringEnumMemberName("out_of_vocabulary")] OutOfVocabulary,

    /// <summary>The response is shorter or longer than any the item's model was trained on.</summary>
    [JsonStringEnumMemberName("not_in_training_range")] NotInTrainingRange,
}
