using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using ScoringService.Api.Scoring;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>Reads the responses of a body piece by piece; what is kept in memory is never more than one response and a read.</summary>
/// <param name="json">The JSON of requests.</param>
abstract class IncomingResponses(JsonSerializerOptions json)
{
    /// <summary>What a response may take beside its text: its ids, and members that scoring does not know.</summary>
    const int BytesBesideText = 64 * 1024;

    /// <summary>The longest form of a UTF-16 character in JSON: <c>\u0000</c>.</summary>
    const int BytesPerCharacter = 6;

    static ReadOnlySpan<byte> ByteOrderMark => "\uFEFF"u8;

    /// <summary>Reads a body to its end, or to where it cannot be understood any more.</summary>
    /// <param name="body">The body.</param>
    /// <param name="incoming">Takes the responses.</param>
    /// <param name="stop">The caller went away.</param>
    public async Task Read(PipeReader body, IncomingBatch incoming, CancellationToken stop)
    {
        var longest = incoming.MaxTextLength * (long)BytesPerCharacter + BytesBesideText;
        var atStart = true;
        while (true)
        {
            var read = await body.ReadAsync(stop);
            var buffer = read.Buffer;
            if (atStart && buffer.Length < ByteOrderMark.Length && !read.IsCompleted)
            {
                body.AdvanceTo(buffer.Start, buffer.End);
                continue;
            }

            if (atStart && StartsWithMark(buffer))
                buffer = buffer.Slice(ByteOrderMark.Length);
            atStart = false;
            var consumed = Parse(buffer, read.IsCompleted, incoming);
            if (buffer.Slice(consumed).Length > longest && !incoming.IsRefused)
                incoming.RefuseRest(Place, $"This is longer than {longest} bytes, which is more than a response can have.");
            body.AdvanceTo(consumed, buffer.End);
            if (incoming.IsRefused || read.IsCompleted)
                return;
            await incoming.Flush(stop);
        }
    }

    /// <summary>Where the reading stands: a JSON path, and words that go before a message.</summary>
    protected abstract (string Path, string Prefix) Place { get; }

    /// <summary>Takes what is complete.</summary>
    /// <param name="buffer">What has not been taken yet.</param>
    /// <param name="isLast">Whether nothing follows.</param>
    /// <param name="incoming">Takes the responses.</param>
    /// <returns>The end of what was taken.</returns>
    protected abstract SequencePosition Parse(ReadOnlySequence<byte> buffer, bool isLast, IncomingBatch incoming);

    /// <summary>Takes the response that a reader stands at.</summary>
    protected void Take(ref Utf8JsonReader reader, IncomingBatch incoming)
    {
        var read = JsonSerializer.Deserialize<MixedScoreRequest.Response>(ref reader, json);
        var response = new ResponseToScore(read.ResponseId, read.ItemId, read.Text);
        if (ResponseRules.Fault(response, incoming.MaxTextLength) is { } fault)
            incoming.Refuse(Place with { Path = $"{Place.Path}.{fault.Member}" }, fault.Message);
        else if (!incoming.TryAdd(response))
            incoming.RefuseRest(Place, $"Send 1 to {incoming.MaxResponses} responses at a time; this is one more.");
    }

    // The serializer appends the path, which has its own place.
    protected static string Sentence(JsonException exception) => exception.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0];

    static bool StartsWithMark(ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        return reader.IsNext(ByteOrderMark);
    }
}
