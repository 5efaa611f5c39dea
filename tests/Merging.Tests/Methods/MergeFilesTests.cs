using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using static ScoringService.Merging.Tests.Methods.Models;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Merges that read checkpoints and write a file, tensor by tensor.</summary>
public sealed class MergeFilesTests : IDisposable
{
    static readonly ImmutableArray<string> Group = ["a", "b", "c"];

    readonly string directory = Directory.CreateTempSubdirectory("merge").FullName;
    readonly MergeGroup group = TinyGroup.Group([.. Group]);

    string Target => Path.Combine(directory, "merged.safetensors");

    public MergeFilesTests()
    {
        var tokenizer = new Dictionary<string, byte[]> { ["vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"u8.ToArray() };
        new Checkpoint(TinyBert.Config, group.Base.Encoder, null, tokenizer).Save(Path.Combine(directory, "base"));
        foreach (var (id, model) in group.Models)
            new Checkpoint(TinyBert.Config, model.Encoder, model.Head, tokenizer).Save(Path.Combine(directory, id));
    }

    public static TheoryData<StaticMethod> Methods => MergeTests.Methods;

    [Theory]
    [MemberData(nameof(Methods))]
    public void Merging_files_gives_the_bits_of_merging_in_memory_whatever_the_threads(StaticMethod method)
    {
        using var files = new Checkpoints(directory);

        Merge.Save(method, files.Base, Group, files.Models, Target, threads: 2);

        using var saved = SafetensorsFile.Open(Target);
        var expected = Merge.Combine(method, group.Base.Encoder, Group, group.Models);
        Assert.Equal(expected.Keys.Order(), saved.Entries.Keys.Order());
        Assert.All(expected, tensor => Assert.Equal(tensor.Value.Values, saved.Read(tensor.Key).Values));
    }

    [Fact]
    public void A_group_of_one_is_copied()
    {
        using var files = new Checkpoints(directory);
        Merge.Save(new Ties(), files.Base, ["b"], files.Models, Target);
        using var saved = SafetensorsFile.Open(Target);
        Assert.All(group.Models["b"].Encoder, tensor => Assert.Equal(tensor.Value.Values, saved.Read(tensor.Key).Values));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_value_that_is_not_finite_is_refused_by_item_tensor_and_position_and_nothing_is_left(float value)
    {
        const string tensor = "encoder.layer.1.output.dense.weight";
        Overwrite("b", tensor, 7, value);
        using var files = new Checkpoints(directory);

        foreach (StaticMethod method in new StaticMethod[] { new SimpleAverage(), new Ties(), new Dare { Lambda = 0 }, new Awd() })
        {
            var error = Assert.Throws<MergeException>(() => Merge.Save(method, files.Base, Group, files.Models, Target, threads: 2));
            Assert.StartsWith($"{tensor} in item model 'b' holds {value} at position 7", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal(["a", "b", "base", "c"], Directory.EnumerateFileSystemEntries(directory).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Checkpoints_that_do_not_fit_are_refused_by_item_and_tensor()
    {
        using var files = new Checkpoints(directory);
        var models = files.Models.SetItem("b", new TensorsInMemory(new Dictionary<string, Tensor>(group.Base.Encoder) { [BertTensors.WordEmbeddings] = Vector(1) }));

        var error = Assert.Throws<MergeException>(() => Merge.Save(new SimpleAverage(), files.Base, Group, models, Target));

        Assert.StartsWith("embeddings.word_embeddings.weight in item model 'b' is [1]; the base model has [50,32].", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Target));
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    void Overwrite(string item, string tensor, int position, float value)
    {
        var path = Path.Combine(directory, item, "model.safetensors");
        long offset;
        using (var file = SafetensorsFile.Open(path))
            offset = file.Entries[tensor].Offset;
        using var stream = File.OpenWrite(path);
        stream.Position = offset + (position * sizeof(float));
        stream.Write(BitConverter.GetBytes(value));
    }

    sealed class Checkpoints(string directory) : IDisposable
    {
        readonly EncoderFile start = Checkpoint.OpenEncoder(Path.Combine(directory, "base"));
        readonly EncoderFile[] items = [.. Group.Select(id => Checkpoint.OpenEncoder(Path.Combine(directory, id)))];

        public ITensorStore Base => start;

        public ImmutableDictionary<string, ITensorStore> Models =>
            Group.Zip(items).ToImmutableDictionary(item => item.First, ITensorStore (item) => item.Second);

        public void Dispose()
        {
            start.Dispose();
            foreach (var item in items)
                item.Dispose();
        }
    }
}
