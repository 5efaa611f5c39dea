using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using static ScoringService.Merging.Tests.Methods.Models;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>What every method that reads responses keeps to.</summary>
public sealed class ResponseMethodTests
{
    public static TheoryData<ResponseMethod> Methods =>
        [new RegMean(), new RegMean { Alpha = 1, Samples = 3 }, new Fisher(), new Fisher { Normalize = false }, new Fisher { Estimate = FisherEstimate.BatchSum }];

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_group_of_one_keeps_its_encoder_bit_for_bit(ResponseMethod method)
    {
        var group = Group("a");
        Assert.All(method.Combine(group, Work), tensor => Assert.Same(group.Models["a"].Encoder[tensor.Key], tensor.Value));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Models_equal_to_the_base_merge_to_it(ResponseMethod method)
    {
        var group = WithEncoders(Group("a", "b"), _ => Base);
        Assert.All(method.Combine(group, Work), tensor => Assert.Same(Base[tensor.Key], tensor.Value));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_model_that_all_items_share_remains(ResponseMethod method)
    {
        var group = Group("a", "b", "c");
        AssertClose(group.Models["a"].Encoder, method.Combine(WithEncoders(group, _ => group.Models["a"].Encoder), Work), 1e-6f, seed: 0);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_order_of_the_items_does_not_matter_and_the_same_merge_gives_the_same_bits(ResponseMethod method)
    {
        var merged = method.Combine(Group("a", "b", "c"), Work);
        AssertClose(merged, method.Combine(Group("c", "a", "b"), Work), 2e-6f, seed: 0);
        AssertClose(merged, method.Combine(Group("a", "b", "c"), Work with { Threads = 1 }), 0, seed: 0);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Embeddings_that_training_left_alone_are_the_bases_and_heads_stay(ResponseMethod method)
    {
        var group = Group("a", "b");
        var heads = group.Models.ToDictionary(model => model.Key, model => model.Value.Head.Weight.Values.ToArray());

        var merged = method.Combine(group, Work);

        Assert.All(BertTensors.EmbeddingTables, name => Assert.Same(Base[name], merged[name]));
        Assert.All(group.Models, model => Assert.Equal(heads[model.Key], model.Value.Head.Weight.Values));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Items_without_training_responses_are_refused_by_name(ResponseMethod method)
    {
        var group = Group("a", "b");
        var empty = group with { Items = [group.Items[0], group.Items[1] with { Train = [] }] };
        Assert.Contains("'b' has no training responses", Assert.Throws<MergeException>(() => method.Combine(empty, Work)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Models_that_do_not_fit_are_refused_by_tensor_and_item(ResponseMethod method)
    {
        var group = Group("a", "b");
        var misfit = WithEncoders(group, id => id == "a" ? Base : new Dictionary<string, Tensor>(Base) { ["pooler"] = Vector(1) });
        Assert.Contains("'b' has pooler", Assert.Throws<MergeException>(() => method.Combine(misfit, Work)).Message, StringComparison.Ordinal);
    }

    static IReadOnlyDictionary<string, Tensor> Base { get; } = Group("a").Base.Encoder;

    static MergeGroup WithEncoders(MergeGroup group, Func<string, IReadOnlyDictionary<string, Tensor>> encoder) => group with
    {
        Models = group.Models.ToDictionary(model => model.Key, model => model.Value with { Encoder = encoder(model.Key) }),
    };
}
