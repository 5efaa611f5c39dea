using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Tests.Checkpoints;

public sealed class CheckpointTests : IDisposable
{
    static readonly BertConfig Config = new()
    {
        HiddenSize = 8, IntermediateSize = 16, Layers = 2, AttentionHeads = 2, VocabularySize = 10, MaxPositions = 6,
    };

    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_saved_is_what_is_loaded(bool withHead)
    {
        var saved = RandomCheckpoint(1, withHead);
        saved.Save(directory["model"]);

        var loaded = Checkpoint.Load(directory["model"]);

        Assert.Equal(saved.Config, loaded.Config);
        Assert.Equal(BertTensors.Shapes(Config).Keys, loaded.Encoder.Keys);
        Assert.All(saved.Encoder, tensor => AssertSame(tensor.Value, loaded.Encoder[tensor.Key]));
        Assert.Equal(withHead, loaded.Head is not null);
        if (withHead)
        {
            AssertSame(saved.Head!.Weight, loaded.Head!.Weight);
            AssertSame(saved.Head.Bias, loaded.Head.Bias);
        }
        Assert.Equal(saved.Tokenizer["vocab.txt"], Assert.Single(loaded.Tokenizer).Value);
        Assert.Equal([directory["model"]], Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_checkpoint_is_never_overwritten()
    {
        RandomCheckpoint(1).Save(directory["model"]);

        Assert.Throws<IOException>(() => RandomCheckpoint(2).Save(directory["model"]));

        var kept = Checkpoint.Load(directory["model"]);
        AssertSame(RandomCheckpoint(1).Encoder[BertTensors.WordEmbeddings], kept.Encoder[BertTensors.WordEmbeddings]);
    }

    [Fact]
    public void A_failed_save_leaves_nothing_behind()
    {
        var checkpoint = RandomCheckpoint(1);
        checkpoint.Encoder["embeddings.LayerNorm.bias"].Values[3] = float.NaN;

        Assert.Equal("embeddings.LayerNorm.bias", Assert.Throws<InvalidCheckpointException>(() => checkpoint.Save(directory["model"])).Tensor);

        Assert.Empty(Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void Names_of_a_whole_Hugging_Face_model_are_understood()
    {
        var saved = RandomCheckpoint(3, withHead: true);
        saved.Save(directory["model"]);
        var tensors = saved.Encoder.ToDictionary(
            t => "bert." + t.Key.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal)
                .Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal),
            t => t.Value);
        tensors["classifier.weight"] = saved.Head!.Weight;
        tensors["classifier.bias"] = saved.Head.Bias;
        tensors["bert.pooler.dense.weight"] = new([8, 8], new float[64]);
        tensors["bert.pooler.dense.bias"] = new([8], new float[8]);
        tensors["cls.predictions.bias"] = new([10], new float[10]);
        tensors["bert.embeddings.position_ids"] = new([1, 6], new float[6]);
        ReplaceWeights(tensors);

        var loaded = Checkpoint.Load(directory["model"]);

        Assert.All(saved.Encoder, tensor => AssertSame(tensor.Value, loaded.Encoder[tensor.Key]));
        AssertSame(saved.Head.Weight, loaded.Head!.Weight);
    }

    [Fact]
    public void A_missing_tensor_is_named() => AssertWeightsRefused(
        tensors => tensors.Remove("encoder.layer.1.output.dense.bias"), "encoder.layer.1.output.dense.bias", "is missing");

    [Fact]
    public void A_tensor_of_another_shape_is_named_with_both_shapes() => AssertWeightsRefused(
        tensors => tensors["encoder.layer.1.output.dense.weight"] = new([16, 8], new float[128]),
        "encoder.layer.1.output.dense.weight",
        "is [16,8]; config.json asks for [8,16]");

    [Fact]
    public void A_tensor_without_a_place_is_named() => AssertWeightsRefused(
        tensors => tensors["encoder.layer.2.output.dense.bias"] = new([8], new float[8]), "encoder.layer.2.output.dense.bias", "has no place");

    [Fact]
    public void A_tensor_under_two_names_is_refused() => AssertWeightsRefused(
        tensors => tensors["bert.embeddings.LayerNorm.bias"] = new([8], new float[8]), "embeddings.LayerNorm.bias", "under another name");

    [Fact]
    public void Half_a_head_is_refused() => AssertWeightsRefused(tensors => tensors.Remove("classifier.bias"), "classifier.bias", "is missing");

    [Fact]
    public void A_head_for_another_width_is_refused() => AssertWeightsRefused(
        tensors => tensors["classifier.weight"] = new([3, 9], new float[27]), "classifier.weight", "is [3,9]; a head on this encoder is [labels,8]");

    [Fact]
    public void A_head_with_a_bias_of_another_length_is_refused() => AssertWeightsRefused(
        tensors => tensors["classifier.bias"] = new([2], new float[2]), "classifier.bias", "has 3 labels");

    [Theory]
    [InlineData("pytorch_model.bin")]
    [InlineData("model.PT")]
    public void A_pickle_is_refused_unopened_with_advice(string name)
    {
        RandomCheckpoint(1).Save(directory["model"]);
        File.Delete(directory["model/model.safetensors"]);
        File.WriteAllText(Path.Combine(directory["model"], name), "");

        var refusal = AssertRefused(name, "pickle");
        Assert.Contains("Convert it", refusal.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("config.json", "is missing")]
    [InlineData("model.safetensors", "is missing")]
    [InlineData("vocab.txt", "has no tokenizer")]
    public void A_missing_file_is_named(string file, string reason)
    {
        RandomCheckpoint(1).Save(directory["model"]);
        File.Delete(Path.Combine(directory["model"], file));

        AssertRefused(file == "vocab.txt" ? "model" : file, reason);
    }

    [Fact]
    public void A_vocabulary_larger_than_the_embedding_table_is_refused()
    {
        RandomCheckpoint(1).Save(directory["model"]);
        File.AppendAllText(directory["model/vocab.txt"], "eleventh\n");

        AssertRefused("vocab.txt", "has 11 tokens");
    }

    [Theory]
    [InlineData("hidden_size", "0", "must be positive")]
    [InlineData("hidden_size", "7", "does not divide")]
    [InlineData("num_hidden_layers", "-2", "must be positive")]
    [InlineData("num_hidden_layers", "2147483647", "at most 1000")]
    [InlineData("vocab_size", "99999999999", "$.vocab_size")]
    [InlineData("vocab_size", null, "vocab_size")]
    [InlineData("type_vocab_size", "0", "must be positive")]
    [InlineData("layer_norm_eps", "0", "must be positive")]
    [InlineData("layer_norm_eps", "1e60", "must be positive")]
    [InlineData("hidden_act", "\"relu\"", "only 'gelu'")]
    [InlineData("hidden_act", "null", "$.hidden_act")]
    [InlineData("model_type", "\"roberta\"", "only 'bert'")]
    [InlineData("position_embedding_type", "\"relative_key\"", "only 'absolute'")]
    public void An_impossible_configuration_is_refused(string property, string? value, string reason)
    {
        RandomCheckpoint(1).Save(directory["model"]);
        var config = JsonNode.Parse(File.ReadAllText(directory["model/config.json"]))!.AsObject();
        config.Remove(property);
        if (value is not null) config[property] = JsonNode.Parse(value);
        File.WriteAllText(directory["model/config.json"], config.ToJsonString());

        AssertRefused("config.json", reason);
    }

    [Fact]
    public void A_configuration_that_is_no_JSON_is_refused()
    {
        RandomCheckpoint(1).Save(directory["model"]);
        File.WriteAllText(directory["model/config.json"], "hidden_size: 8");

        AssertRefused("config.json", "not the configuration");
    }

    void AssertWeightsRefused(Action<Dictionary<string, Tensor>> change, string tensor, string reason)
    {
        var checkpoint = RandomCheckpoint(4, withHead: true);
        checkpoint.Save(directory["model"]);
        var tensors = new Dictionary<string, Tensor>(checkpoint.Encoder)
        {
            ["classifier.weight"] = checkpoint.Head!.Weight,
            ["classifier.bias"] = checkpoint.Head.Bias,
        };
        change(tensors);
        ReplaceWeights(tensors);

        Assert.Equal(tensor, AssertRefused("model.safetensors", reason).Tensor);
    }

    InvalidCheckpointException AssertRefused(string file, string reason)
    {
        var refusal = Assert.Throws<InvalidCheckpointException>(() => Checkpoint.Load(directory["model"]));
        Assert.Equal(file, Path.GetFileName(refusal.File));
        Assert.Contains(reason, refusal.Reason, StringComparison.Ordinal);
        return refusal;
    }

    void ReplaceWeights(Dictionary<string, Tensor> tensors)
    {
        File.Delete(directory["model/model.safetensors"]);
        SafetensorsWriter.Write(directory["model/model.safetensors"], tensors);
    }

    static void AssertSame(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.Shape.ToArray(), actual.Shape.ToArray());
        Assert.True(MemoryMarshal.AsBytes(expected.Values.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(actual.Values.AsSpan())));
    }

    static Checkpoint RandomCheckpoint(int seed, bool withHead = false)
    {
        var random = new Random(seed);
        var vocabulary = string.Concat(Enumerable.Range(0, 10).Select(i => $"token{i}\n"));
        return new(
            Config,
            BertTensors.Shapes(Config).ToDictionary(s => s.Key, s => RandomTensor(random, s.Value)),
            withHead ? new Head(RandomTensor(random, [3, 8]), RandomTensor(random, [3])) : null,
            new Dictionary<string, byte[]> { ["vocab.txt"] = Encoding.UTF8.GetBytes(vocabulary) });
    }

    static Tensor RandomTensor(Random random, ImmutableArray<int> shape) =>
        new(shape, [.. Enumerable.Range(0, shape.Aggregate(1, (a, b) => a * b)).Select(_ => random.NextSingle() - .5f)]);
}
