using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.ScoreBatches;

/// <summary>
/// The results of a batch on disk: one JSON object a line, in the order of the responses, growing while the batch runs. Beside it lies an
/// index that says for every 1,000th line where it begins and how many rejections come before it, so that neither a reader who has part of
/// the results nor a batch that goes on after a stop reads the file from its beginning.
/// </summary>
static class ResultFile
{
    const int BlockSize = 64 * 1024;
    const int LinesPerEntry = 1000;

    // The serializer writes the discriminator first.
    static ReadOnlySpan<byte> RejectedStart => """{"status":"rejected","""u8;

    /// <summary>The part of the file after some results.</summary>
    /// <param name="directory">The batch's directory.</param>
    /// <param name="after">Results to pass over.</param>
    /// <returns>Path, and begin and length in bytes; null when there are none (yet).</returns>
    public static (string Path, long Offset, long Length)? After(string directory, long after)
    {
        var path = PathIn(directory);
        if (!File.Exists(path))
            return null;

        using var file = OpenShared(path);
        using var index = new Index(directory, FileAccess.Read);
        var end = EndOfLines(file);
        var lines = new Lines(file, index.Before(end, after));
        lines.Pass(after, end);
        return lines.Offset < end ? (path, lines.Offset, end - lines.Offset) : null;
    }

    static string PathIn(string directory) => Path.Combine(directory, "results.ndjson");

    static SafeFileHandle OpenShared(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Where the last whole line ends; behind it lies what is just being written, or what a stop has cut off.</summary>
    static long EndOfLines(SafeFileHandle file)
    {
        var block = ArrayPool<byte>.Shared.Rent(BlockSize);
        var end = RandomAccess.GetLength(file);
        while (end > 0)
        {
            var start = Math.Max(0, end - BlockSize);
            var read = RandomAccess.Read(file, block.AsSpan(0, (int)(end - start)), start);
            var last = block.AsSpan(0, read).LastIndexOf((byte)'\n');
            end = start + last + 1;
            if (last >= 0)
                break;
        }

        ArrayPool<byte>.Shared.Return(block);
        return end;
    }

    /// <summary>Appends to the file.</summary>
    public sealed class Writer : IDisposable
    {
        readonly ArrayBufferWriter<byte> pending = new(4 * BlockSize);
        readonly JsonSerializerOptions options;
        readonly Utf8JsonWriter json;
        readonly SafeFileHandle file;
        readonly Index index;
        long end;

        /// <summary>Opens the file, cuts off what is not a whole line, and counts what is there.</summary>
        /// <param name="directory">The batch's directory.</param>
        /// <param name="options">The JSON of answers.</param>
        public Writer(string directory, JsonSerializerOptions options)
        {
            this.options = options;
            json = new(pending, new() { Encoder = options.Encoder, SkipValidation = true });
            file = File.OpenHandle(PathIn(directory), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            index = new(directory, FileAccess.ReadWrite);
            end = EndOfLines(file);
            RandomAccess.SetLength(file, end);
            var lines = new Lines(file, index.Before(end, long.MaxValue));
            index.KeepBefore(end);
            lines.Pass(long.MaxValue, end, index.Note);
            index.Flush();
            (Count, Rejected) = (lines.Count, lines.Rejected);
        }

        /// <summary>Results in the file.</summary>
        public long Count { get; private set; }

        /// <summary>Rejections among them.</summary>
        public long Rejected { get; private set; }

        /// <summary>Appends results; when this returns, readers see them.</summary>
        public async ValueTask Append(ImmutableArray<ResponseResult> results)
        {
            pending.ResetWrittenCount();
            foreach (var result in results)
            {
                index.Note(new(Count, end + pending.WrittenCount, Rejected));
                JsonSerializer.Serialize(json, result, options);
                json.Flush();
                json.Reset();
                pending.Write("\n"u8);
                Count++;
                Rejected += result is RejectedResponse ? 1 : 0;
            }

            await RandomAccess.WriteAsync(file, pending.WrittenMemory, end, CancellationToken.None);
            end += pending.WrittenCount;

            // An entry never points to where there is nothing.
            index.Flush();
        }

        /// <summary>Waits until everything is on the medium.</summary>
        public void FlushToDisk() => RandomAccess.FlushToDisk(file);

        public void Dispose()
        {
            json.Dispose();
            file.Dispose();
            index.Dispose();
        }
    }

    /// <summary>The beginning of a line.</summary>
    /// <param name="Count">Lines before it.</param>
    /// <param name="Offset">Bytes before it.</param>
    /// <param name="Rejected">Rejections before it.</param>
    readonly record struct LineStart(long Count, long Offset, long Rejected);

    /// <summary>Counts lines from a place on.</summary>
    sealed class Lines(SafeFileHandle file, LineStart start)
    {
        public long Count { get; private set; } = start.Count;

        public long Offset { get; private set; } = start.Offset;

        public long Rejected { get; private set; } = start.Rejected;

        /// <summary>Goes on until so many lines are passed, or the end of the last one is reached.</summary>
        /// <param name="count">Lines from the beginning of the file.</param>
        /// <param name="end">The end of the last line.</param>
        /// <param name="passing">Called for each line before it is passed.</param>
        public void Pass(long count, long end, Action<LineStart>? passing = null)
        {
            var block = ArrayPool<byte>.Shared.Rent(BlockSize);
            var atStart = true;
            while (Count < count && Offset < end)
            {
                var read = RandomAccess.Read(file, block.AsSpan(0, (int)Math.Min(BlockSize, end - Offset)), Offset);
                ReadOnlySpan<byte> rest = block.AsSpan(0, read);
                while (Count < count && !rest.IsEmpty)
                {
                    // The start of a line decides about it; where a block ends too soon, the next one begins with the line.
                    if (atStart && rest.Length < RejectedStart.Length && rest.Length < read)
                        break;
                    if (atStart)
                    {
                        passing?.Invoke(new(Count, Offset, Rejected));
                        Rejected += rest.StartsWith(RejectedStart) ? 1 : 0;
                    }

                    var newline = rest.IndexOf((byte)'\n');
                    atStart = newline >= 0;
                    var taken = atStart ? newline + 1 : rest.Length;
                    Count += atStart ? 1 : 0;
                    Offset += taken;
                    rest = rest[taken..];
                }
            }

            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>Where every 1,000th line begins: two little-endian 64-bit numbers each, offset and rejections before it.</summary>
    sealed class Index : IDisposable
    {
        const int EntrySize = 2 * sizeof(long);

        readonly ArrayBufferWriter<byte> pending = new();
        readonly SafeFileHandle file;
        long entries;

        public Index(string directory, FileAccess access)
        {
            file = File.OpenHandle(
                Path.Combine(directory, "results.index"), FileMode.OpenOrCreate, access, FileShare.ReadWrite | FileShare.Delete);
            entries = RandomAccess.GetLength(file) / EntrySize;
        }

        /// <summary>The last known beginning of a line that is not behind a count of lines and lies before an end.</summary>
        public LineStart Before(long end, long count)
        {
            for (var entry = Math.Min(entries - 1, count / LinesPerEntry); entry >= 0; entry--)
            {
                var start = Read(entry);
                if (start.Offset < end)
                    return start;
            }

            return default;
        }

        /// <summary>Forgets lines that do not begin before an end.</summary>
        public void KeepBefore(long end)
        {
            while (entries > 0 && Read(entries - 1).Offset >= end)
                entries--;
            RandomAccess.SetLength(file, entries * EntrySize);
        }

        /// <summary>Notes the beginning of a line, if it is one to be found again; <see cref="Flush"/> writes it.</summary>
        public void Note(LineStart start)
        {
            if (start.Count != (entries + pending.WrittenCount / EntrySize) * LinesPerEntry)
                return;
            var entry = pending.GetSpan(EntrySize);
            BinaryPrimitives.WriteInt64LittleEndian(entry, start.Offset);
            BinaryPrimitives.WriteInt64LittleEndian(entry[sizeof(long)..], start.Rejected);
            pending.Advance(EntrySize);
        }

        public void Flush()
        {
            if (pending.WrittenCount == 0)
                return;
            RandomAccess.Write(file, pending.WrittenSpan, entries * EntrySize);
            entries += pending.WrittenCount / EntrySize;
            pending.ResetWrittenCount();
        }

        public void Dispose() => file.Dispose();

        LineStart Read(long entry)
        {
            Span<byte> bytes = stackalloc byte[EntrySize];
            RandomAccess.Read(file, bytes, entry * EntrySize);
            return new(
                entry * LinesPerEntry, BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[sizeof(long)..]));
        }
    }
}
