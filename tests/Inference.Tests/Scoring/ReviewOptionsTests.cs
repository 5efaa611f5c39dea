using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Inference.Tests.Scoring;

public sealed class ReviewOptionsTests
{
    static readonly TokenizedResponse Ordinary = new(Tokens: 10, Words: 8, Unknown: 0, Truncated: false);

    [Fact]
    public void An_ordinary_confident_score_raises_nothing() => Assert.Empty(new ReviewOptions().Flags(Ordinary, .6, new TokenRange(10, 10)));

    [Fact]
    public void Each_reason_raises_its_flag()
    {
        var review = new ReviewOptions { MinConfidence = .7, MinWords = 3, MaxUnknown = .25 };

        Assert.Equal([ReviewReason.LowConfidence], review.Flags(Ordinary, .699, null).ToArray());
        Assert.Equal([ReviewReason.TooShort], review.Flags(Ordinary with { Words = 2 }, .7, null).ToArray());
        Assert.Equal([ReviewReason.Truncated], review.Flags(Ordinary with { Truncated = true }, .7, null).ToArray());
        Assert.Equal([ReviewReason.OutOfVocabulary], review.Flags(Ordinary with { Unknown = 3 }, .7, null).ToArray());
        Assert.Empty(review.Flags(Ordinary with { Unknown = 2 }, .7, null));
        Assert.Equal([ReviewReason.NotInTrainingRange], review.Flags(Ordinary, .7, new TokenRange(11, 90)).ToArray());
        Assert.Equal([ReviewReason.NotInTrainingRange], review.Flags(Ordinary, .7, new TokenRange(4, 9)).ToArray());
    }

    [Fact]
    public void Reasons_add_up() => Assert.Equal(
        [ReviewReason.TooShort, ReviewReason.LowConfidence, ReviewReason.OutOfVocabulary],
        new ReviewOptions().Flags(new TokenizedResponse(Tokens: 3, Words: 1, Unknown: 1, Truncated: false), .4, null).ToArray());
}
