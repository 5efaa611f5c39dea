using System.Buffers;
using System.Globalization;
using System.Text.Json;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.ScoreBatches;

/// <summary>An object whose member <c>responses</c> is an array of responses.</summary>
/// <param name="json">The JSON of requests.</param>
sealed class JsonResponses(JsonSerializerOptions json) : IncomingResponses(json)
{
    const string Root = "$";
    const string ResponsesPath = "$.responses";
    const string CallbackPath = "$.callbackUrl";

    JsonReaderState state = new(new() { MaxDepth = StrictJson.MaxDepth });
    Step step = Step.Start;
    bool hasResponses;
    int position;

    enum Step
    {
        Start,
        Member,
        Responses,
        Callback,
        UnknownMember,
        Response,
        End,
    }

    protected override (string Path, string Prefix) Place => (step switch
    {
        Step.Responses => ResponsesPath,
        Step.Callback => CallbackPath,
        Step.Response => string.Create(CultureInfo.InvariantCulture, $"{ResponsesPath}[{position}]"),
        _ => Root,
    }, "");

    protected override SequencePosition Parse(ReadOnlySequence<byte> buffer, bool isLast, IncomingBatch incoming)
    {
        var reader = new Utf8JsonReader(buffer, isLast, state);
        try
        {
            while (!incoming.IsRefused)
            {
                var before = reader;
                if (TryStep(ref reader, incoming))
                    continue;

                // What has come of this step is read again with the rest of it.
                reader = before;
                break;
            }
        }
        catch (JsonException exception)
        {
            var (path, prefix) = Place;
            incoming.RefuseRest((path + exception.Path?[Root.Length..], prefix), Sentence(exception));
        }

        if (isLast && step == Step.End && !hasResponses)
            incoming.RefuseRest((ResponsesPath, ""), "The responses are missing.");
        state = reader.CurrentState;
        return reader.Position;
    }

    /// <returns>False when the step is not complete in the buffer, or nothing follows.</returns>
    bool TryStep(ref Utf8JsonReader reader, IncomingBatch incoming)
    {
        if (!reader.Read())
            return false;

        switch (step)
        {
            case Step.Start:
                Expect(JsonTokenType.StartObject, reader.TokenType, "The body is an object with the member 'responses'.");
                step = Step.Member;
                return true;
            case Step.Member when reader.TokenType == JsonTokenType.EndObject:
                step = Step.End;
                return true;
            case Step.Member:
                step = reader.ValueTextEquals("responses"u8) ? Step.Responses
                    : reader.ValueTextEquals("callbackUrl"u8) ? Step.Callback : Step.UnknownMember;
                return true;
            case Step.Responses:
                Expect(JsonTokenType.StartArray, reader.TokenType, "The responses are an array.");
                if (hasResponses)
                    throw new JsonException("The member stands here twice.");
                hasResponses = true;
                step = Step.Response;
                return true;
            case Step.Response when reader.TokenType == JsonTokenType.EndArray:
                step = Step.Member;
                return true;
            case Step.Response:
                return TryTakeResponse(ref reader, incoming);
            default:
                var given = reader.TokenType != JsonTokenType.Null;
                if (!reader.TrySkip())
                    return false;
                if (given && step == Step.Callback)
                    incoming.Refuse(Place, "Webhooks are not available in this version. Leave it out, and ask for the batch at its Location.");
                step = Step.Member;
                return true;
        }
    }

    bool TryTakeResponse(ref Utf8JsonReader reader, IncomingBatch incoming)
    {
        var ahead = reader;
        if (!ahead.TrySkip())
            return false;
        Take(ref reader, incoming);
        position++;
        return true;
    }

    static void Expect(JsonTokenType expected, JsonTokenType found, string sentence)
    {
        if (found != expected)
            throw new JsonException(sentence);
    }
}
