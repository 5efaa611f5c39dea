using System.Buffers;
using System.Globalization;
using System.Text.Json;
using ScoringService.Merging.Recipes;

namespace ScoringService.Api.ScoreBatches;

/// <summary>One response a line; blank lines are passed over.</summary>
/// <param name="json">The JSON of requests.</param>
sealed class NdjsonResponses(JsonSerializerOptions json) : IncomingResponses(json)
{
    static readonly JsonReaderOptions Strict = new() { MaxDepth = StrictJson.MaxDepth };

    int line = 1;

    protected override (string Path, string Prefix) Place => ("$", string.Create(CultureInfo.InvariantCulture, $"Line {line}: "));

    protected override SequencePosition Parse(ReadOnlySequence<byte> buffer, bool isLast, IncomingBatch incoming)
    {
        var reader = new SequenceReader<byte>(buffer);
        while (!incoming.IsRefused && reader.TryReadTo(out ReadOnlySequence<byte> complete, (byte)'\n'))
        {
            TakeLine(complete, incoming);
            line++;
        }

        if (!isLast || incoming.IsRefused)
            return reader.Position;
        TakeLine(reader.UnreadSequence, incoming);
        return buffer.End;
    }

    void TakeLine(ReadOnlySequence<byte> text, IncomingBatch incoming)
    {
        if (IsBlank(text))
            return;
        try
        {
            var reader = new Utf8JsonReader(text, Strict);
            Take(ref reader, incoming);

            // Throws where something follows.
            reader.Read();
        }
        catch (JsonException exception)
        {
            incoming.Refuse(Place with { Path = exception.Path ?? "$" }, Sentence(exception));
        }
    }

    static bool IsBlank(ReadOnlySequence<byte> text)
    {
        var reader = new SequenceReader<byte>(text);
        reader.AdvancePastAny(" \t\r"u8);
        return reader.End;
    }
}
