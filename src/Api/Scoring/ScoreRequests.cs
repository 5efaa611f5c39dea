using System.Text.Json.Serialization;

namespace ScoringService.Api.Scoring;

/// <summary>Responses to one item.</summary>
/// <param name="Responses">1 to 256 responses; ids are unique within the request.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
sealed record ItemScoreRequest(ItemScoreRequest.Response[] Responses)
{
    /// <summary>A response to the item in the path.</summary>
    /// <param name="ResponseId" example="r1">The caller's id; comes back with the result.</param>
    /// <param name="Text" example="It evaporated in the sun.">What the student wrote; may be empty.</param>
    [method: JsonConstructor]
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
    public readonly record struct Response(string ResponseId, string Text);
}

/// <summary>Responses to any items.</summary>
/// <param name="Responses">1 to 256 responses; ids are unique within the request.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
sealed record MixedScoreRequest(MixedScoreRequest.Response[] Responses)
{
    /// <summary>A response to an item.</summary>
    /// <param name="ResponseId" example="r1">The caller's id; comes back with the result.</param>
    /// <param name="ItemId" example="SC_Puddle">Item that the response answers.</param>
    /// <param name="Text" example="It evaporated in the sun.">What the student wrote; may be empty.</param>
    [method: JsonConstructor]
    [JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Skip)]
    public readonly record struct Response(string ResponseId, string ItemId, string Text);
}
