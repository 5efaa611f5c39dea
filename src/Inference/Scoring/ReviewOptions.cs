using System.Collections.Immutable;
using System.ComponentModel.DataAnnotations;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Inference.Scoring;

/// <summary>When a person should look at a score.</summary>
public sealed record ReviewOptions
{
    /// <summary>Confidence below which a score is flagged, in 0..1. Default 0.6.</summary>
    [Range(0.0, 1.0)] public double MinConfidence { get; init; } = 0.6;

    /// <summary>Words below which a response is flagged; punctuation is not counted. Default 2.</summary>
    [Range(0, 1000)] public int MinWords { get; init; } = 2;

    /// <summary>Share of unknown tokens above which a response is flagged, in 0..1. Default 0.3.</summary>
    [Range(0.0, 1.0)] public double MaxUnknown { get; init; } = 0.3;

    /// <summary>The reasons to look at a response that is not empty.</summary>
    /// <param name="response">The response as the encoder read it.</param>
    /// <param name="confidence">The model's confidence, in 0..1.</param>
    /// <param name="trained">Lengths the item's model was trained on; null when they are not known.</param>
    public ImmutableArray<ReviewReason> Flags(TokenizedResponse response, double confidence, TokenRange? trained)
    {
        ReadOnlySpan<(ReviewReason Flag, bool Raised)> flags =
        [
            (ReviewReason.TooShort, response.Words < MinWords),
            (ReviewReason.Truncated, response.Truncated),
            (ReviewReason.LowConfidence, confidence < MinConfidence),
            (ReviewReason.OutOfVocabulary, response.UnknownFraction > MaxUnknown),
            (ReviewReason.NotInTrainingRange, trained?.Contains(response.Tokens) == false),
        ];
        Span<ReviewReason> raised = stackalloc ReviewReason[flags.Length];
        var count = 0;
        foreach (var (flag, isRaised) in flags)
        {
            if (isRaised)
                raised[count++] = flag;
        }
        return [.. raised[..count]];
    }
}
