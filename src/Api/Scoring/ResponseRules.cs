using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Scoring;

/// <summary>What every response must keep to, however it comes in.</summary>
static class ResponseRules
{
    const int MaxIdLength = 200;

    /// <summary>The first thing that is wrong with a response, and in which member; null when it can be scored.</summary>
    /// <param name="response">The response.</param>
    /// <param name="longest">UTF-16 characters that a text may have.</param>
    public static (string Member, string Message)? Fault(ResponseToScore response, int longest)
    {
        if (response.ResponseId.Length is 0 or > MaxIdLength)
            return ("responseId", $"A response id has 1 to {MaxIdLength} characters.");
        if (response.ItemId.Length == 0)
            return ("itemId", "Name the item that the response answers.");
        if (response.Text.Length > longest)
            return ("text", $"The text has {response.Text.Length} characters; at most {longest} can be scored.");
        return null;
    }
}
