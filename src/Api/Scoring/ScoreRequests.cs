using System.Globalization;
using ScoringService.Api.Problems;

namespace ScoringService.Api.Scoring;

/// <summary>Responses to one item.</summary>
/// <param name="Responses">1 to 256 responses; ids are unique within the request.</param>
sealed record ItemScoreRequest(ItemScoreRequest.Response[] Responses)
{
    /// <summary>A response to the item in the path.</summary>
    /// <param name="ResponseId" example="r1">The caller's id; comes back with the result.</param>
    /// <param name="Text" example="Because he is greedy!">What the student wrote; may be empty.</param>
    public sealed record Response(string ResponseId, string Text);
}

/// <summary>Responses to any items.</summary>
/// <param name="Responses">1 to 256 responses; ids are unique within the request.</param>
sealed record MixedScoreRequest(MixedScoreRequest.Response[] Responses)
{
    /// <summary>A response to an item.</summary>
    /// <param name="ResponseId" example="r1">The caller's id; comes back with the result.</param>
    /// <param name="ItemId" example="SS_Brian">Item that the response answers.</param>
    /// <param name="Text" example="Because he is greedy!">What the student wrote; may be empty.</param>
    public sealed record Response(string ResponseId, string ItemId, string Text);
}

/// <summary>Says what is wrong with responses before anything is scored.</summary>
static class ScoreRequestValidation
{
    const int MaxIdLength = 200;

    /// <summary>Checks number, ids and lengths.</summary>
    /// <param name="responses">Id and text of each response, in the request's order.</param>
    /// <param name="limits">Configured limits.</param>
    public static Validation Validate(IReadOnlyList<(string Id, string Text)> responses, ScoringOptions limits)
    {
        var validation = new Validation();
        validation.Require(responses.Count >= 1 && responses.Count <= limits.MaxResponses, "$.responses",
            $"Send 1 to {limits.MaxResponses} responses at a time; there are {responses.Count}.");
        if (validation.Failed)
            return validation;

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < responses.Count; i++)
        {
            var (id, text) = responses[i];
            validation.Require(id.Length is > 0 and <= MaxIdLength, Path(i, "responseId"), $"A response id has 1 to {MaxIdLength} characters.");
            validation.Require(seen.Add(id), Path(i, "responseId"), $"'{id}' stands here twice; results are told apart by it.");
            validation.Require(text.Length <= limits.MaxTextLength, Path(i, "text"),
                $"The text has {text.Length} characters; at most {limits.MaxTextLength} can be scored.");
        }

        return validation;
    }

    static string Path(int position, string member) => string.Create(CultureInfo.InvariantCulture, $"$.responses[{position}].{member}");
}
