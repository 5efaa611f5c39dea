using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// The first part of a safetensors file: eight bytes with the length of the JSON that follows, and the JSON, which says where each tensor lies.
/// </summary>
/// <param name="Entries">The tensors, in the order in which they lie in the file.</param>
/// <param name="Metadata">Free text by key.</param>
sealed record SafetensorsHeader(IReadOnlyDictionary<string, SafetensorsEntry> Entries, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>Bytes before the JSON.</summary>
    public const int PrefixBytes = sizeof(ulong);

    const string MetadataKey = "__metadata__";
    const int MaximumBytes = 100_000_000;
    const int DataAlignment = 64;

    static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 4 };

    /// <summary>Length of the JSON, or a refusal, from the first bytes of a file.</summary>
    public static int JsonBytes(string file, ReadOnlySpan<byte> prefix, long fileBytes)
    {
        if (fileBytes < PrefixBytes) throw Refuse(file, $"has {fileBytes} bytes; a safetensors file has at least {PrefixBytes}. Is it truncated?");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaximumBytes)
            throw Refuse(file, $"says that its header is {length} bytes long; at most {MaximumBytes} are allowed. Is it a safetensors file?");
        if (length > (ulong)(fileBytes - PrefixBytes))
            throw Refuse(file, $"ends before its header does ({fileBytes} bytes; the header alone has {length}). Is it truncated?");
        return (int)length;
    }

    /// <summary>Reads the header and checks every rule of the format against the number of bytes that follow it.</summary>
    /// <exception cref="InvalidCheckpointException">A rule is broken.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlyMemory<byte> json, long dataBytes)
    {
        if (json.IsEmpty || json.Span[0] != (byte)'{') throw Refuse(file, "has a header that does not begin with '{'.");
        if (!Utf8.IsValid(json.Span)) throw Refuse(file, "has a header that is not valid UTF-8.");
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Read(file, document.RootElement, PrefixBytes + json.Length, dataBytes);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: an escape such as \ud800 is JSON, but no text.
            throw Refuse(file, $"has a header that is not valid JSON: {e.Message}");
        }
    }

    static SafetensorsHeader Read(string file, JsonElement root, long dataStart, long dataBytes)
    {
        var metadata = new Dictionary<string, string>();
        var entries = new List<SafetensorsEntry>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == MetadataKey) ReadMetadata(file, property.Value, metadata);
            else entries.Add(ReadEntry(file, property.Name, property.Value, dataStart, dataBytes));
        }

        // Empty tensors share their offset with the next one and go first.
        entries.Sort((a, b) => (a.Offset, a.Bytes).CompareTo((b.Offset, b.Bytes)));
        var end = dataStart;
        foreach (var entry in entries)
        {
            if (entry.Offset < end) throw Refuse(file, entry.Name, $"overlaps the tensor before it by {end - entry.Offset} bytes.");
            if (entry.Offset > end) throw Refuse(file, entry.Name, $"leaves a hole of {entry.Offset - end} bytes before it.");
            end += entry.Bytes;
        }
        if (end < dataStart + dataBytes) throw Refuse(file, $"has {dataStart + dataBytes - end} bytes after its last tensor that belong to none.");
        return new(new OrderedDictionary<string, SafetensorsEntry>(entries.Select(e => KeyValuePair.Create(e.Name, e))), metadata);
    }

    static void ReadMetadata(string file, JsonElement value, Dictionary<string, string> metadata)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Refuse(file, $"has a {MetadataKey} that is not an object.");
        foreach (var property in value.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.String)
                throw Refuse(file, $"has a value in {MetadataKey} that is not text: '{property.Name}'.");
            metadata.Add(property.Name, property.Value.GetString()!);
        }
    }

    static SafetensorsEntry ReadEntry(string file, string name, JsonElement value, long dataStart, long dataBytes)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Refuse(file, name, "is not described by an object.");
        var type = ReadType(file, name, value);
        var shape = ReadWholeNumbers(file, name, value, "shape");
        var offsets = ReadWholeNumbers(file, name, value, "data_offsets");
        if (offsets is not [var begin, var end]) throw Refuse(file, name, $"has {offsets.Length} data_offsets instead of 2.");
        if (begin > end) throw Refuse(file, name, $"has reversed data_offsets: it begins at {begin} and ends at {end}.");
        if (end > dataBytes) throw Refuse(file, name, $"ends at byte {end} of the data, of which there are {dataBytes}. Is the file truncated?");

        var bytes = (long)SafetensorsEntry.SizeOf(type);
        foreach (var dimension in shape)
        {
            var tooLarge = dimension > int.MaxValue || (bytes *= dimension) > int.MaxValue;
            if (tooLarge) throw Refuse(file, name, $"overflows: {type} {Describe(shape)} is 2 GB or more, which no single tensor may be.");
        }
        if (bytes != end - begin)
            throw Refuse(file, name, $"is {type} {Describe(shape)}, which takes {bytes} bytes; its data_offsets span {end - begin}.");
        return new(name, type, [.. shape.Select(dimension => (int)dimension)], dataStart + begin, (int)bytes);
    }

    static SafetensorsType ReadType(string file, string name, JsonElement value)
    {
        if (!value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String) throw Refuse(file, name, "has no dtype.");
        var text = dtype.GetString()!;
        // The name is compared again because Enum.TryParse also takes numbers and lists.
        return Enum.TryParse<SafetensorsType>(text, out var type) && type.ToString() == text
            ? type
            : throw Refuse(file, name, $"has the unknown dtype '{text}'; known are {string.Join(", ", Enum.GetNames<SafetensorsType>())}.");
    }

    static long[] ReadWholeNumbers(string file, string name, JsonElement value, string property)
    {
        if (!value.TryGetProperty(property, out var array) || array.ValueKind != JsonValueKind.Array) throw Refuse(file, name, $"has no {property}.");
        var numbers = new long[array.GetArrayLength()];
        var i = 0;
        foreach (var element in array.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out numbers[i]))
                throw Refuse(file, name, $"has {element.GetRawText()} in {property}, which is not a whole number of at most 63 bits.");
            if (numbers[i++] < 0) throw Refuse(file, name, $"has a negative number in {property}: {element.GetRawText()}.");
        }
        return numbers;
    }

    /// <summary>
    /// The header of a file of fp32 tensors and of bytes, its prefix included, padded with spaces so that the data begin at a multiple of 64 bytes.
    /// Tensors lie in ordinal order of their names, the bytes last, where they put no fp32 out of line: the same tensors always make the same bytes.
    /// </summary>
    public static (byte[] Bytes, IReadOnlyDictionary<string, SafetensorsEntry> Entries) Create(
        string file, IEnumerable<KeyValuePair<string, ImmutableArray<int>>> shapes, IEnumerable<KeyValuePair<string, int>> byteLengths,
        IReadOnlyDictionary<string, string> metadata)
    {
        var layout = new OrderedDictionary<string, SafetensorsEntry>();
        var length = 0L;
        var tensors = shapes.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => (s.Key, s.Value, SafetensorsType.F32))
            .Concat(byteLengths.OrderBy(b => b.Key, StringComparer.Ordinal).Select(b => (b.Key, ImmutableArray.Create(b.Value), SafetensorsType.U8)));
        foreach (var (name, shape, type) in tensors)
        {
            if (name == MetadataKey) throw new ArgumentException($"'{MetadataKey}' cannot be the name of a tensor.", nameof(shapes));
            var bytes = (long)SafetensorsEntry.SizeOf(type);
            foreach (var dimension in shape)
            {
                ArgumentOutOfRangeException.ThrowIfNegative(dimension, nameof(shapes));
                if ((bytes *= dimension) > int.MaxValue) throw Refuse(file, name, "would be 2 GB or more, which no single tensor may be.");
            }
            layout.Add(name, new(name, type, shape, length, (int)bytes));
            length += bytes;
        }

        var header = WriteJson(layout.Values, metadata);
        return (header, new OrderedDictionary<string, SafetensorsEntry>(
            layout.Select(e => KeyValuePair.Create(e.Key, e.Value with { Offset = header.Length + e.Value.Offset }))));
    }

    static byte[] WriteJson(IEnumerable<SafetensorsEntry> layout, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata.Count > 0)
            {
                json.WriteStartObject(MetadataKey);
                foreach (var (key, value) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }
            foreach (var entry in layout)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Type.ToString());
                json.WriteStartArray("shape");
                foreach (var dimension in entry.Shape) json.WriteNumberValue(dimension);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(entry.Offset);
                json.WriteNumberValue(entry.Offset + entry.Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }

        var used = PrefixBytes + buffer.WrittenCount;
        var header = new byte[(used + DataAlignment - 1) / DataAlignment * DataAlignment];
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - PrefixBytes);
        buffer.WrittenSpan.CopyTo(header.AsSpan(PrefixBytes));
        header.AsSpan(used).Fill((byte)' ');
        return header;
    }

    static string Describe(long[] shape) => $"[{string.Join(',', shape.Select(d => d.ToString(CultureInfo.InvariantCulture)))}]";

    static InvalidCheckpointException Refuse(string file, string reason) => new(file, null, reason);

    static InvalidCheckpointException Refuse(string file, string tensor, string reason) => new(file, tensor, reason);
}
