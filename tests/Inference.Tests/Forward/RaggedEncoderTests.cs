using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Tests.Encoders;

namespace ScoringService.Inference.Tests.Forward;

/// <summary>Our own kernels against ONNX Runtime's.</summary>
public sealed class RaggedEncoderTests
{
    public static TheoryData<string> Kinds => ["static", "wemoe", "e-wemoe", "low-rank"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void It_gives_the_vectors_of_the_runtime(string kind)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            var model = Of(kind, random);
            var output = new EncoderOutput(random.Next(3) == 0 ? -2 : -1, random.Next(2) == 0 ? Pooling.Cls : Pooling.Mean);
            var responses = RandomEncoders.Responses(random, model, random.Next(1, 40));
            using var session = EncoderSession.Create(model, output, new() { Threads = 1 });
            using var ragged = new RaggedEncoder(model, output);

            var (expected, actual) = (RandomEncoders.Encode(session, responses), Encode(ragged, responses));

            foreach (var (row, vector) in actual.Index())
                Assert.True(RandomEncoders.Distance(expected[row], vector) <= 2e-5f, $"seed {seed}, row {row}");
        }
    }

    public static TheoryData<string, EightBit> Precisions => new()
    {
        { "static", EightBit.None }, { "wemoe", EightBit.None }, { "e-wemoe", EightBit.None }, { "low-rank", EightBit.None },
        { "static", EightBit.All }, { "wemoe", EightBit.All }, { "e-wemoe", EightBit.All }, { "static", EightBit.Up | EightBit.Projections },
    };

    [Theory]
    [MemberData(nameof(Precisions))]
    public void A_response_has_the_same_bits_whatever_its_neighbours_their_items_their_length_and_their_order(string kind, EightBit eightBit)
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            var model = Of(kind, random);
            var responses = RandomEncoders.Responses(random, model, random.Next(2, 40));
            using var ragged = new RaggedEncoder(model, new(), eightBit);
            int[] order = [.. Enumerable.Range(0, responses.Length)];
            random.Shuffle(order);

            var together = Encode(ragged, responses);
            var shuffled = Encode(ragged, [.. order.Select(row => responses[row])]);

            foreach (var (place, row) in order.Index())
            {
                Assert.True(together[row].SequenceEqual(shuffled[place]), $"seed {seed}, row {row}, in another order");
                Assert.True(together[row].SequenceEqual(Encode(ragged, responses[row])[0]), $"seed {seed}, row {row}, alone");
            }
        }
    }

    [Theory]
    [InlineData("wemoe")]
    [InlineData("e-wemoe")]
    public void Sixteen_routed_responses_of_one_length_have_the_bits_that_each_has_alone(string kind)
    {
        for (var seed = 0; seed < 6; seed++)
        {
            var random = new Random(seed);
            var model = Of(kind, random);
            var tokens = random.Next(8, model.Config.MaxPositions);
            EncoderInput[] responses =
            [
                .. Enumerable.Range(0, 35).Select(_ => new EncoderInput(
                    Enumerable.Range(0, tokens + random.Next(2)).Select(_ => random.Next(model.Config.VocabularySize)).ToArray(), 0)),
            ];
            using var ragged = new RaggedEncoder(model, new());

            var together = Encode(ragged, responses);

            foreach (var (row, response) in responses.Index())
                Assert.True(together[row].SequenceEqual(Encode(ragged, response)[0]), $"seed {seed}, row {row}");
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Stored_and_loaded_it_gives_the_same_bits(string kind)
    {
        using var directory = new TemporaryDirectory();
        for (var seed = 0; seed < 5; seed++)
        {
            var random = new Random(seed);
            var model = Of(kind, random);
            var output = new EncoderOutput(-2, Pooling.Cls);
            var responses = RandomEncoders.Responses(random, model, 12);
            EncoderExport.Write(directory.Path, $"e{seed}", model, output);

            using var made = new RaggedEncoder(model, output);
            using var loaded = RaggedEncoder.TryLoad(directory[$"e{seed}.safetensors"], EightBit.None);

            Assert.Equal(Encode(made, responses).SelectMany(vector => vector), Encode(loaded!, responses).SelectMany(vector => vector));
        }
    }

    [Fact]
    public void A_loaded_encoder_reads_its_embedding_table_from_the_file_until_it_is_disposed()
    {
        using var directory = new TemporaryDirectory();
        var random = new Random(3);
        var model = Of("static", random);
        var responses = RandomEncoders.Responses(random, model, 5);
        EncoderExport.Write(directory.Path, "e", model, new());
        var path = directory["e.safetensors"];
        using var made = new RaggedEncoder(model, new());

        var loaded = RaggedEncoder.TryLoad(path, EightBit.None)!;
        Assert.Throws<IOException>(() => Alone(path));
        Assert.Equal(Encode(made, responses).SelectMany(vector => vector), Encode(loaded, responses).SelectMany(vector => vector));

        loaded.Dispose();
        Alone(path);

        static void Alone(string file) => File.Open(file, FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
    }

    [Fact]
    public void Rows_of_a_large_embedding_table_have_the_same_bits_in_memory_and_in_the_file()
    {
        using var directory = new TemporaryDirectory();
        var config = Sizes(new Random(6)) with { VocabularySize = 9000 };
        var model = RandomEncoders.Of("static", new Random(6), config, routedAttention: false);
        EncoderExport.Write(directory.Path, "e", model, new());
        using var made = new RaggedEncoder(model, new());
        using var loaded = RaggedEncoder.TryLoad(directory["e.safetensors"], EightBit.None)!;
        EncoderInput[] responses = [.. new[] { 0, 1, 4095, 4096, 4097, 8191, 8192, 8999 }.Select(id => new EncoderInput(new[] { id, 7 }))];

        Assert.Equal(Encode(made, responses).SelectMany(vector => vector), Encode(loaded, responses).SelectMany(vector => vector));
        Assert.Throws<ArgumentOutOfRangeException>(() => Encode(loaded, new EncoderInput(new[] { 9000 })));
        Assert.Throws<ArgumentOutOfRangeException>(() => Encode(loaded, new EncoderInput(new[] { -1 })));
    }

    [Fact]
    public void The_file_of_a_loaded_encoder_may_be_deleted_where_the_system_deletes_open_files()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var directory = new TemporaryDirectory();
        var random = new Random(4);
        var model = Of("static", random);
        var responses = RandomEncoders.Responses(random, model, 5);
        EncoderExport.Write(directory.Path, "e", model, new());
        using var loaded = RaggedEncoder.TryLoad(directory["e.safetensors"], EightBit.None)!;
        var before = Encode(loaded, responses);

        File.Delete(directory["e.safetensors"]);

        Assert.Equal(before.SelectMany(vector => vector), Encode(loaded, responses).SelectMany(vector => vector));
    }

    [Theory]
    [InlineData(BertTensors.WordEmbeddings)]
    [InlineData("encoder.layer.1.output.dense.weight")]
    public void A_stored_tensor_with_a_number_that_is_not_finite_is_refused_when_it_is_loaded(string tensor)
    {
        using var directory = new TemporaryDirectory();
        var model = Of("static", new Random(5));
        EncoderExport.Write(directory.Path, "e", model, new());
        long last;
        using (var file = SafetensorsFile.Open(directory["e.safetensors"]))
            last = file.Entries[tensor].Offset + file.Entries[tensor].Bytes - sizeof(float);
        using (var file = File.OpenHandle(directory["e.safetensors"], FileMode.Open, FileAccess.ReadWrite))
            RandomAccess.Write(file, BitConverter.GetBytes(float.NaN), last);

        var refused = Assert.Throws<InvalidCheckpointException>(() => RaggedEncoder.TryLoad(directory["e.safetensors"], EightBit.None));

        Assert.Contains($"'{tensor}'", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"position {model.Shared[tensor].Length - 1}", refused.Message, StringComparison.Ordinal);
        // Nor does it hold on to the file.
        File.Open(directory["e.safetensors"], FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
    }

    [Fact]
    public void More_rows_than_are_encoded_at_a_time_give_the_same_bits()
    {
        var random = new Random(1);
        var model = Of("static", random);
        var responses = RandomEncoders.Responses(random, model, 400);
        using var ragged = new RaggedEncoder(model, new());

        var together = Encode(ragged, responses);

        Assert.Equal([.. responses.SelectMany(response => Encode(ragged, response)[0])], together.SelectMany(vector => vector));
    }

    [Fact]
    public void Several_threads_at_once_give_the_same_bits()
    {
        var random = new Random(2);
        var model = Of("low-rank", random);
        var batches = Enumerable.Range(0, 40).Select(_ => RandomEncoders.Responses(random, model, random.Next(1, 20))).ToArray();
        using var ragged = new RaggedEncoder(model, new());
        var expected = Array.ConvertAll(batches, batch => Encode(ragged, batch));

        var actual = new float[batches.Length][][];
        Parallel.For(0, batches.Length, batch => actual[batch] = Encode(ragged, batches[batch]));

        foreach (var (left, right) in expected.Zip(actual))
            Assert.Equal(left.SelectMany(vector => vector), right.SelectMany(vector => vector));
    }

    [Fact]
    public void Sizes_and_modules_it_does_not_know_are_left_to_the_runtime()
    {
        var narrow = RandomEncoders.Of("static", new Random(0));
        Assert.False(RaggedEncoder.Runs(narrow));
        Assert.Throws<ArgumentException>(() => new RaggedEncoder(narrow, new()));
        Assert.False(RaggedEncoder.Runs(RandomEncoders.Of("low-rank routed", new Random(0), Sizes(new(0)))));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    public void A_response_without_tokens_or_with_too_many_is_refused(int tokens)
    {
        using var ragged = new RaggedEncoder(Of("static", new Random(0)), new());
        var refused = Assert.Throws<ArgumentException>(() => Encode(ragged, new EncoderInput(new int[tokens])));
        Assert.Contains("1 to 20", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 1_000_000 })]
    public void The_memory_of_a_pass_is_used_again_after_a_response_was_refused(int[] refused)
    {
        using var ragged = new RaggedEncoder(Of("static", new Random(0)), new());
        var (good, pooled) = (new EncoderInput[] { new(new[] { 1, 2, 3 }) }, new float[ragged.HiddenSize]);
        ragged.Encode(good, pooled);

        // The least of several: the runtime itself allocates now and then, when it compiles what runs often.
        Assert.Equal(0, Enumerable.Range(0, 5).Min(_ => AllocatedAfterRefusal()));

        long AllocatedAfterRefusal()
        {
            Assert.ThrowsAny<ArgumentException>(() => ragged.Encode([new(refused)], pooled));
            var before = GC.GetAllocatedBytesForCurrentThread();
            ragged.Encode(good, pooled);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    static EncoderModel Of(string kind, Random random) => RandomEncoders.Of(kind, random, Sizes(random), routedAttention: false);

    static BertConfig Sizes(Random random)
    {
        var heads = random.Next(1, 4);
        return new()
        {
            HiddenSize = 16 * heads * random.Next(1, 3), IntermediateSize = 16 * random.Next(1, 9), Layers = 3, AttentionHeads = heads,
            VocabularySize = 60, MaxPositions = 20,
        };
    }

    static float[][] Encode(RaggedEncoder encoder, params EncoderInput[] responses)
    {
        var pooled = new float[responses.Length * encoder.HiddenSize];
        encoder.Encode(responses, pooled);
        return [.. pooled.Chunk(encoder.HiddenSize)];
    }
}
