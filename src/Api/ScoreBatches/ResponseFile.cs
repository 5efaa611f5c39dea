using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using ScoringService.Api.Scoring;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>The responses of a batch as they wait on disk: one JSON object a line, in order, checked when they came in.</summary>
static class ResponseFile
{
    const int BlockSize = 64 * 1024;

    /// <summary>UTF-16 characters after which a chunk ends even if it has few responses: leaves room in the queues for whoever waits.</summary>
    const int ChunkCharacters = 32 * 1024;

    static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>Deletes the file of a batch that has ended.</summary>
    /// <param name="directory">The batch's directory.</param>
    public static void Delete(string directory) => File.Delete(PathIn(directory));

    /// <summary>Reads the responses in chunks.</summary>
    /// <param name="directory">The batch's directory.</param>
    /// <param name="skip">Responses to pass over.</param>
    /// <param name="chunkSize">Most responses of a chunk.</param>
    /// <param name="json">The JSON of requests.</param>
    /// <param name="stop">Ends the reading.</param>
    public static async IAsyncEnumerable<ResponseToScore[]> Read(
        string directory, long skip, int chunkSize, JsonSerializerOptions json, [EnumeratorCancellation] CancellationToken stop)
    {
        await using var file = new FileStream(PathIn(directory), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        var lines = PipeReader.Create(file, new(bufferSize: BlockSize, minimumReadSize: BlockSize / 2, leaveOpen: true));
        var chunk = new List<ResponseToScore>(chunkSize);
        var characters = 0;
        while (true)
        {
            var read = await lines.ReadAsync(stop);
            var rest = read.Buffer;
            while (TryTakeLine(ref rest, out var line))
            {
                if (skip-- > 0)
                    continue;
                var response = Parse(line, json);
                chunk.Add(response);
                characters += response.Text.Length;
                if (chunk.Count < chunkSize && characters < ChunkCharacters)
                    continue;
                yield return chunk.ToArray();
                chunk.Clear();
                characters = 0;
            }

            lines.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted)
                break;
        }

        if (chunk.Count > 0)
            yield return chunk.ToArray();
    }

    static string PathIn(string directory) => Path.Combine(directory, "responses.ndjson");

    static bool TryTakeLine(ref ReadOnlySequence<byte> rest, out ReadOnlySequence<byte> line)
    {
        var reader = new SequenceReader<byte>(rest);
        if (!reader.TryReadTo(out line, (byte)'\n'))
            return false;
        rest = rest.Slice(reader.Position);
        return true;
    }

    static ResponseToScore Parse(ReadOnlySequence<byte> line, JsonSerializerOptions json)
    {
        var reader = new Utf8JsonReader(line);
        var (id, item, text) = JsonSerializer.Deserialize<MixedScoreRequest.Response>(ref reader, json);
        return new(id, item, text);
    }

    /// <summary>Writes the file.</summary>
    public sealed class Writer : IAsyncDisposable
    {
        static readonly JsonEncodedText ResponseId = JsonEncodedText.Encode("responseId");
        static readonly JsonEncodedText ItemId = JsonEncodedText.Encode("itemId");
        static readonly JsonEncodedText Text = JsonEncodedText.Encode("text");

        readonly ArrayBufferWriter<byte> pending = new(2 * BlockSize);
        readonly Utf8JsonWriter json;
        readonly FileStream file;

        /// <summary>Creates the file.</summary>
        /// <param name="directory">The batch's directory.</param>
        public Writer(string directory)
        {
            json = new(pending, Plain);
            file = new(PathIn(directory), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        }

        /// <summary>Adds a response; <see cref="Flush"/> writes it.</summary>
        public void Add(ResponseToScore response)
        {
            json.WriteStartObject();
            json.WriteString(ResponseId, response.ResponseId);
            json.WriteString(ItemId, response.ItemId);
            json.WriteString(Text, response.Text);
            json.WriteEndObject();
            json.Flush();
            json.Reset();
            pending.Write("\n"u8);
        }

        /// <summary>Writes what has been added, once it is worth it.</summary>
        public ValueTask Flush(CancellationToken stop) => pending.WrittenCount < BlockSize ? ValueTask.CompletedTask : FlushAll(stop);

        /// <summary>Writes everything that has been added.</summary>
        public async ValueTask FlushAll(CancellationToken stop)
        {
            await file.WriteAsync(pending.WrittenMemory, stop);
            pending.ResetWrittenCount();
        }

        public async ValueTask DisposeAsync()
        {
            await json.DisposeAsync();
            await file.DisposeAsync();
        }
    }
}
