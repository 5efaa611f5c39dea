using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class SafetensorsWriterTests : IDisposable
{
    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void What_is_written_is_what_is_read()
    {
        for (var seed = 0; seed < 50; seed++)
        {
            var tensors = RandomTensors(new(seed));
            var path = directory[$"{seed}.safetensors"];
            SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["ünï"] = "\"cödé\"\n" });

            using var file = SafetensorsFile.Open(path);

            Assert.Equal("\"cödé\"\n", file.Metadata["ünï"]);
            Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), file.Entries.Where(e => e.Value.Bytes > 0).Select(e => e.Key));
            foreach (var (name, tensor) in tensors)
            {
                Assert.True(tensor.Shape.SequenceEqual(file.Entries[name].Shape), $"seed {seed}: shape of {name}");
                Assert.True(tensor.Values.AsSpan().SequenceEqual(file.Read(name).Values), $"seed {seed}: values of {name}");
            }
        }
    }

    [Fact]
    public void The_order_of_writing_never_changes_a_byte()
    {
        var tensors = RandomTensors(new(7));
        SafetensorsWriter.Write(directory["a"], tensors);
        SafetensorsWriter.Write(directory["b"], tensors.Reverse().ToDictionary());

        Assert.Equal(File.ReadAllBytes(directory["a"]), File.ReadAllBytes(directory["b"]));
    }

    [Fact]
    public void Data_begin_at_a_multiple_of_64_bytes_where_the_writer_says()
    {
        for (var length = 1; length < 70; length++)
        {
            var path = directory[$"{length}"];
            using var writer = new SafetensorsWriter(path, Shapes((new string('n', length), 2)));
            writer.Write(new string('n', length), [1.5f, -2f]);
            writer.Complete();
            using var file = SafetensorsFile.Open(path);

            var entry = Assert.Single(file.Entries.Values);
            Assert.Equal(0, entry.Offset % 64);
            Assert.Equal(entry.Offset, Assert.Single(writer.Entries.Values).Offset);
            Assert.Equal(1.5f, BitConverter.ToSingle(File.ReadAllBytes(path), (int)entry.Offset));
        }
    }

    [Fact]
    public void A_value_that_is_not_finite_is_never_written()
    {
        using var writer = new SafetensorsWriter(directory["nan"], Shapes(("w", 2)));

        var refusal = Assert.Throws<InvalidCheckpointException>(() => writer.Write("w", [1f, float.NaN]));

        Assert.Equal("w", refusal.Tensor);
        Assert.Contains("position 1", refusal.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tensor_left_out_or_written_twice_is_noticed()
    {
        using var writer = new SafetensorsWriter(directory["twice"], Shapes(("v", 1), ("w", 1)));
        writer.Write("w", [1f]);

        Assert.Throws<InvalidOperationException>(() => writer.Write("w", [1f]));
        Assert.Contains("'v'", Assert.Throws<InvalidOperationException>(writer.Complete).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parts_make_up_a_tensor_in_any_order_and_are_read_back_as_parts()
    {
        float[] values = [.. Enumerable.Range(0, 10).Select(i => i + .5f)];
        using (var writer = new SafetensorsWriter(directory["parts"], Shapes(("v", 10), ("empty", 0))))
        {
            writer.Write("v", 7, values.AsSpan(7));
            Assert.Throws<InvalidOperationException>(writer.Complete);
            writer.Write("v", 0, values.AsSpan(0, 7));
            Assert.Throws<InvalidOperationException>(() => writer.Write("v", 0, values.AsSpan(0, 1)));
            writer.Complete();
        }

        using var file = SafetensorsFile.Open(directory["parts"]);
        Assert.Equal(values, file.Read("v").Values);
        for (var start = 0; start <= 10; start++)
        {
            var part = new float[10 - start];
            file.Read("v", start, part);
            Assert.Equal(values[start..], part);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read("v", 5, new float[6]));
        Assert.Throws<InvalidCheckpointException>(() => file.Read("w", 0, new float[1]));
    }

    static Dictionary<string, ImmutableArray<int>> Shapes(params (string Name, int Length)[] tensors) =>
        tensors.ToDictionary(t => t.Name, t => ImmutableArray.Create(t.Length));

    static Dictionary<string, Tensor> RandomTensors(Random random)
    {
        var tensors = new Dictionary<string, Tensor>();
        for (var n = random.Next(1, 8); n > 0; n--)
        {
            ImmutableArray<int> shape = [.. Enumerable.Range(0, random.Next(4)).Select(_ => random.Next(1, 6))];
            var values = Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextSingle() - .5f);
            tensors[$"tensor.{random.Next(1000)}.é"] = new(shape, [.. values]);
        }
        return tensors;
    }
}
