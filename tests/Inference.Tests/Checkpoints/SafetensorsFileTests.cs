using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_file_of_the_reference_library_reads()
    {
        using var file = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Checkpoints", "tiny_bert_training.safetensors"));

        Assert.StartsWith("BERT encoder hidden 32", file.Metadata["note"], StringComparison.Ordinal);
        Assert.Equal([5, 11], file.Entries["input_ids"].Shape.ToArray());
        Assert.All(file.ReadInt64s("input_ids"), id => Assert.InRange(id, 0, 49));
        Assert.All(file.ReadInt64s("attention_mask"), mask => Assert.InRange(mask, 0, 1));
        Assert.Equal(50 * 32, file.ReadDoubles("param.embeddings.word_embeddings.weight").Length);
        Assert.True(Assert.Single(file.ReadDoubles("grad_norm")) > 0);
    }

    [Fact]
    public void Half_and_bfloat_weights_become_fp32()
    {
        Half[] halves = [(Half)0.5f, (Half)(-2f), Half.Epsilon, Half.MaxValue];
        ushort[] brains = [0x3F80, 0xC000, 0x0001, 0x7F7F];
        using var file = Open(
            """{"h":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[4],"data_offsets":[8,16]}}""",
            [.. MemoryMarshal.AsBytes<Half>(halves), .. MemoryMarshal.AsBytes<ushort>(brains)]);

        Assert.Equal(halves.Select(h => (float)h), file.Read("h").Values);
        Assert.Equal(brains.Select(b => BitConverter.Int32BitsToSingle(b << 16)), file.Read("b").Values);
        Assert.Equal([2, 2], file.Read("h").Shape.ToArray());
    }

    [Fact]
    public void Every_known_type_can_be_listed_and_its_bytes_taken()
    {
        using var file = Open(
            """
            {"bool":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]},"i8":{"dtype":"I8","shape":[1,2],"data_offsets":[2,4]},
             "i32":{"dtype":"I32","shape":[],"data_offsets":[4,8]},"none":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]}}
            """,
            [1, 0, 7, 8, 1, 2, 3, 4]);

        Assert.Equal(["bool", "i8", "i32", "none"], file.Entries.Keys);
        Assert.Equal([7, 8], file.Bytes("i8").ToArray());
        Assert.Equal([1, 2, 3, 4], file.Bytes("i32").ToArray());
        Assert.Empty(file.Read("none").Values);
        Assert.Equal("bool", Refused(() => file.Read("bool")).Tensor);
    }

    [Fact]
    public void A_tensor_that_is_not_there_is_named() => Assert.Equal("b", Refused(() => Open(OneTensor, new byte[4]).Read("b")).Tensor);

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void A_value_that_is_not_finite_is_refused_with_its_position(float value)
    {
        using var file = Open("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", MemoryMarshal.AsBytes<float>([1, 2, value]));

        var refusal = Refused(() => file.Read("a"));

        Assert.Equal("a", refusal.Tensor);
        Assert.Contains("position 2", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_half_that_is_not_finite_is_refused() => Assert.Equal(
        "a", Refused(() => Open("""{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}""", [0x00, 0x7C]).Read("a")).Tensor);

    const string OneTensor = """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""";

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public void A_file_shorter_than_its_prefix_is_refused(int length) => AssertRefused(new byte[length], null, "at least 8");

    [Fact]
    public void A_header_longer_than_100_MB_is_refused() => AssertRefused(Prefixed(100_000_001, "{}"), null, "at most 100000000");

    [Fact]
    public void A_header_length_beyond_63_bits_is_refused() =>
        AssertRefused([255, 255, 255, 255, 255, 255, 255, 255, (byte)'{'], null, "at most 100000000");

    [Fact]
    public void A_header_longer_than_the_file_is_refused() => AssertRefused(Prefixed(3, "{}"), null, "ends before its header");

    [Fact]
    public void A_header_that_does_not_begin_with_a_brace_is_refused() => AssertRefused(Prefixed(" {}"), null, "does not begin with '{'");

    [Fact]
    public void An_empty_header_is_refused() => AssertRefused(Prefixed(""), null, "does not begin with '{'");

    [Fact]
    public void A_header_that_is_not_UTF8_is_refused() =>
        AssertRefused([4, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'"', 0xFF, (byte)'}'], null, "not valid UTF-8");

    [Theory]
    [InlineData("{")]
    [InlineData("""{"a":}""")]
    [InlineData("{} x")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[[[1]]]],"data_offsets":[0,4]}}""")]
    public void A_header_that_is_not_JSON_is_refused(string header) => AssertRefused(Prefixed(header), null, "not valid JSON");

    [Fact]
    public void A_truncated_file_is_refused() => AssertRefused([.. Prefixed(OneTensor), 0, 0, 0], "a", "truncated");

    [Fact]
    public void Bytes_after_the_last_tensor_are_refused() =>
        AssertRefused([.. Prefixed(OneTensor), 0, 0, 0, 0, 9], null, "1 bytes after its last tensor");

    [Fact]
    public void A_tensor_that_stands_twice_in_the_header_is_refused() =>
        AssertRefused(OneTensor[..^1] + "," + OneTensor[1..], 4, null, "not valid JSON");

    [Fact]
    public void A_property_that_stands_twice_is_refused() =>
        AssertRefused("""{"a":{"dtype":"I32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 4, null, "not valid JSON");

    [Fact]
    public void Tensors_that_overlap_are_refused() => AssertRefused(Two("[0,8]", "[4,12]"), 12, "b", "overlaps");

    [Fact]
    public void Tensors_at_the_same_place_are_refused() => AssertRefused(Two("[0,8]", "[0,8]"), 8, null, "overlaps");

    [Fact]
    public void A_hole_between_tensors_is_refused() => AssertRefused(Two("[0,8]", "[12,20]"), 20, "b", "hole of 4 bytes");

    [Fact]
    public void A_hole_before_the_first_tensor_is_refused() => AssertRefused(Two("[4,12]", "[12,20]"), 20, "a", "hole of 4 bytes");

    [Theory]
    [InlineData("[4,0]", "reversed")]
    [InlineData("[-4,0]", "negative")]
    [InlineData("[0,-4]", "negative")]
    [InlineData("[0]", "1 data_offsets")]
    [InlineData("[0,2,4]", "3 data_offsets")]
    [InlineData("[0,4.0]", "whole number")]
    [InlineData("[0,4e0]", "whole number")]
    [InlineData("[0,9223372036854775808]", "whole number")]
    [InlineData("[0,9223372036854775807]", "truncated")]
    [InlineData("""["0",4]""", "whole number")]
    [InlineData("null", "no data_offsets")]
    public void Impossible_offsets_are_refused(string offsets, string reason) =>
        AssertRefused($$$"""{"a":{"dtype":"F32","shape":[1],"data_offsets":{{{offsets}}}}}""", 4, "a", reason);

    [Theory]
    [InlineData("[4294967296,4294967296]", "overflows")]
    [InlineData("[65536,65536,65536,65536,1]", "overflows")]
    [InlineData("[536870912]", "overflows")]
    [InlineData("[2]", "takes 8 bytes; its data_offsets span 4")]
    [InlineData("[0]", "takes 0 bytes; its data_offsets span 4")]
    [InlineData("[-1]", "negative")]
    [InlineData("[1.5]", "whole number")]
    [InlineData("1", "no shape")]
    public void Impossible_shapes_are_refused(string shape, string reason) =>
        AssertRefused($$$"""{"a":{"dtype":"F32","shape":{{{shape}}},"data_offsets":[0,4]}}""", 4, "a", reason);

    [Theory]
    [InlineData("\"F31\"", "unknown dtype 'F31'")]
    [InlineData("\"f32\"", "unknown dtype 'f32'")]
    [InlineData("\"9\"", "unknown dtype '9'")]
    [InlineData("\"F32, U8\"", "unknown dtype")]
    [InlineData("32", "no dtype")]
    public void An_unknown_dtype_is_refused(string type, string reason) =>
        AssertRefused($$$"""{"a":{"dtype":{{{type}}},"shape":[1],"data_offsets":[0,4]}}""", 4, "a", reason);

    [Fact]
    public void A_tensor_that_is_no_object_is_refused() => AssertRefused("""{"a":[]}""", 0, "a", "not described by an object");

    [Theory]
    [InlineData("[]", "not an object")]
    [InlineData("""{"n":1}""", "not text: 'n'")]
    [InlineData("""{"n":null}""", "not text: 'n'")]
    public void Metadata_that_is_not_text_is_refused(string metadata, string reason) =>
        AssertRefused($$"""{"__metadata__":{{metadata}}}""", 0, null, reason);

    /// <summary>Whatever happens to a file, it is refused for a reason or still tiles its data exactly; nothing else is ever thrown.</summary>
    [Fact]
    public void A_mutated_file_is_refused_or_still_sound()
    {
        var random = new Random(20_251);
        var valid = directory["valid.safetensors"];
        SafetensorsWriter.Write(
            valid,
            new Dictionary<string, Tensor>
            {
                ["encoder.weight"] = new([3, 4], [.. Enumerable.Range(0, 12).Select(i => i - 5.5f)]),
                ["encoder.bias"] = new([4], [1, 2, 3, 4]),
                ["scalar"] = new([], [0.25f]),
            },
            new Dictionary<string, string> { ["format"] = "pt" });
        var original = File.ReadAllBytes(valid);
        var (sound, refused) = (0, 0);

        for (var round = 0; round < 4000; round++)
        {
            var path = directory["mutated.safetensors"];
            File.WriteAllBytes(path, Mutate(original, random));
            try
            {
                using var file = SafetensorsFile.Open(path);
                var dataBytes = file.Entries.Values.Sum(e => (long)e.Bytes);
                Assert.Equal(new FileInfo(path).Length, file.Entries.Values.Min(e => e.Offset) + dataBytes);
                foreach (var name in file.Entries.Keys)
                    Assert.Equal(MemoryMarshal.Cast<byte, float>(file.Bytes(name)).ToArray(), file.Read(name).Values);
                sound++;
            }
            catch (InvalidCheckpointException)
            {
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"Round {round}: {e}");
            }
        }

        Assert.True(sound > 100 && refused > 1000, $"{sound} sound, {refused} refused: the mutations no longer reach both sides.");
    }

    static byte[] Mutate(byte[] original, Random random)
    {
        var bytes = original.ToList();
        for (var n = random.Next(1, 4); n > 0; n--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, random.Next(1, Math.Min(16, bytes.Count - at) + 1)); break;
                case 3: bytes.Insert(at, (byte)"0123456789[]{}\",:-\\"[random.Next(19)]); break;
                case 4: bytes.InsertRange(at, bytes.GetRange(at, random.Next(1, Math.Min(32, bytes.Count - at) + 1))); break;
            }
            if (bytes.Count == 0) break;
        }
        return [.. bytes];
    }

    static string Two(string first, string second) =>
        $$$"""{"a":{"dtype":"F32","shape":[2],"data_offsets":{{{first}}}},"b":{"dtype":"F32","shape":[2],"data_offsets":{{{second}}}}}""";

    static byte[] Prefixed(string header) => Prefixed((ulong)Encoding.UTF8.GetByteCount(header), header);

    static byte[] Prefixed(ulong length, string header)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        return [.. prefix, .. Encoding.UTF8.GetBytes(header)];
    }

    SafetensorsFile Open(string header, ReadOnlySpan<byte> data)
    {
        var path = directory["model.safetensors"];
        File.WriteAllBytes(path, [.. Prefixed(header), .. data]);
        return SafetensorsFile.Open(path);
    }

    void AssertRefused(string header, int dataBytes, string? tensor, string reason) =>
        AssertRefused([.. Prefixed(header), .. new byte[dataBytes]], tensor, reason);

    void AssertRefused(byte[] content, string? tensor, string reason)
    {
        var path = directory["bad.safetensors"];
        File.WriteAllBytes(path, content);
        var refusal = Refused(() => SafetensorsFile.Open(path));
        Assert.Equal(path, refusal.File);
        if (tensor is not null) Assert.Equal(tensor, refusal.Tensor);
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
    }

    static InvalidCheckpointException Refused(Func<object> action) => Assert.Throws<InvalidCheckpointException>(action);
}
