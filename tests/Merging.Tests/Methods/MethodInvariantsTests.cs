using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Methods;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>What must hold for every method of the catalog (algorithm brief §8).</summary>
public sealed class MethodInvariantsTests : IDisposable
{
    const int Items = 3;

    static readonly MergeGroup Three = Group("a", "b", "c");
    static readonly ConcurrentDictionary<MergeMethod, EncoderModel> Made = new();

    readonly string directory = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    public static TheoryData<MergeMethod> All => [.. EveryMethod.All];

    /// <summary>Joint training moves away from any model, also from one that all items share, since it fits heads of its own.</summary>
    public static TheoryData<MergeMethod> NotTrainedAsAWhole => [.. EveryMethod.All.Where(method => method is not JointMethod)];

    /// <summary>With experts' weights that sum to one. Without the frozen base and multi-task training, which do not read the models.</summary>
    public static TheoryData<MergeMethod> WeightsSumToOne =>
    [
        .. new object[]
        {
            new { name = "simple-average" },
            new { name = "regmean" },
            new { name = "task-arithmetic", lambda = 1.0 / Items },
            new { name = "ties", density = 1 },
            new { name = "dare", drop = 0, lambda = 1.0 / Items },
            new { name = "dare-ties", drop = 0, density = 1, lambda = 1.0 / Items },
            new { name = "awd", lambda = 1.0 / Items },
            new { name = "adamerging", steps = 0, initial = 1.0 / Items },
            new { name = "adamerging", steps = 0, initial = 1.0 / Items, granularity = "task" },
            new { name = "wemoe", steps = 0, lambda = 1.0 / Items, sharedLambda = 1.0 / Items, routerDeviation = 0 },
            new { name = "e-wemoe", steps = 0, lambda = 1.0 / Items, shared = "simple-average", routerDeviation = 0, prune = 0,
                pruning = "index-exact" },
            new { name = "low-rank", shared = "simple-average" },
            new { name = "low-rank", shared = "regmean", selection = "router" },
            new { name = "distill", learningRate = 1e-8, weightDecay = 0 },
        }.Select(EveryMethod.Parse),
    ];

    /// <summary>Without anything drawn by position: routers' initial weights, and the order in which responses are learned from.</summary>
    public static TheoryData<MergeMethod> BlindToOrder =>
    [
        .. EveryMethod.All.Where(method => method is StaticMethod or LowRank { Selection: ExpertSelection.Item } or RegMean),
        .. new object[]
        {
            new { name = "adamerging", steps = 0 },
            new { name = "adamerging", steps = 0, vectors = "ties" },
            new { name = "adamerging", steps = 0, vectors = "awd" },
            new { name = "wemoe", steps = 0, routerDepth = 0 },
            new { name = "e-wemoe", steps = 0, routerDepth = 0, critical = "both" },
        }.Select(EveryMethod.Parse),
    ];

    [Theory]
    [MemberData(nameof(All))]
    public void Stored_and_loaded_an_encoder_gives_the_same_vectors(MergeMethod method)
    {
        var encoder = MadeBy(method);
        EncoderExport.Write(directory, "e0", encoder);

        using var loaded = EncoderSession.Load(Path.Combine(directory, "e0.onnx"), Work.Runtime);

        AssertClose(Encode(encoder, Mixed(Three)), Encode(loaded, Mixed(Three)), 1e-6f);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_same_merge_writes_the_same_bytes_on_one_thread_and_on_two(MergeMethod method)
    {
        EncoderExport.Write(directory, "e0", MadeBy(method));
        var again = Directory.CreateDirectory(Path.Combine(directory, "again")).FullName;
        EncoderExport.Write(again, "e0", method.MakeEncoder(Three, Work with { Threads = 1 }));

        Assert.All((string[])["e0.onnx", "e0.safetensors"], file =>
            Assert.Equal(File.ReadAllBytes(Path.Combine(directory, file)), File.ReadAllBytes(Path.Combine(again, file))));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_parameters_counted_are_the_numbers_stored(MergeMethod method)
    {
        var encoder = MadeBy(method);
        EncoderExport.Write(directory, "e0", encoder);

        using var file = SafetensorsFile.Open(Path.Combine(directory, "e0.safetensors"));
        var numbers = file.Entries.Values.Where(entry => entry.Type == SafetensorsType.F32).Sum(entry => entry.Length);
        var masks = encoder.TaskVectors.Values.SelectMany(experts => experts).Where(expert => expert.Mask is not null).Sum(expert =>
            (expert.Length + 7) / 8);

        Assert.Equal(encoder.Parameters, numbers);
        Assert.Equal((4 * encoder.Parameters) + masks, file.Entries.Values.Sum(entry => (long)entry.Bytes));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Base_models_heads_and_items_are_left_as_they_were(MergeMethod method)
    {
        var group = Group("a", "b", "c");
        var before = Fingerprint(group);

        _ = method.MakeEncoder(group, Work);

        Assert.Equal(before, Fingerprint(group));
    }

    [Theory]
    [MemberData(nameof(NotTrainedAsAWhole))]
    public void Models_equal_to_the_base_make_the_base(MergeMethod method)
    {
        var unchanged = Three with { Models = Three.Models.ToDictionary(model => model.Key, model =>
            model.Value with { Encoder = Three.Base.Encoder }) };

        var encoder = method.MakeEncoder(unchanged, Work);

        AssertClose(Encode(new StaticEncoder(Three.Config, Three.Base.Encoder), Mixed(Three)), Encode(encoder, Mixed(Three)), 1e-6f);
    }

    [Theory]
    [MemberData(nameof(WeightsSumToOne))]
    public void Models_that_are_all_the_same_make_that_model(MergeMethod method)
    {
        var shared = Three.Models["a"].Encoder;
        var alike = Three with { Models = Three.Models.ToDictionary(model => model.Key, model => model.Value with { Encoder = shared }) };

        var encoder = method.MakeEncoder(alike, Work);

        AssertClose(Encode(new StaticEncoder(Three.Config, shared), Mixed(Three)), Encode(encoder, Mixed(Three)), 5e-5f);
    }

    [Theory]
    [MemberData(nameof(BlindToOrder))]
    public void The_order_of_the_items_does_not_change_what_an_item_gets(MergeMethod method)
    {
        var turned = Group("c", "a", "b");
        var (straight, other) = (method.MakeEncoder(Three, Work), method.MakeEncoder(turned, Work));

        foreach (var id in Three.Ids)
            AssertClose(Encode(straight, Of(Three, id)), Encode(other, Of(turned, id)), 1e-5f, id);

        static EncoderInput[] Of(MergeGroup group, string id) =>
            [.. group.Items[group.Ids.IndexOf(id)].Train.Select(ids => new EncoderInput(ids, group.Ids.IndexOf(id)))];
    }

    [Fact]
    public void Of_a_pruned_task_vector_a_bit_is_stored_for_each_place_and_four_bytes_for_each_value_kept()
    {
        var (pruned, dense) = (Stored("pruned", new { name = "e-wemoe", steps = 0 }), Stored("dense", new { name = "wemoe", steps = 0 }));

        Assert.InRange(pruned.Values, .09 * dense.Values, .11 * dense.Values);
        Assert.InRange(pruned.Masks, dense.Values / 8, 1.01 * dense.Values / 8);
        Assert.Equal((4 * pruned.Values) + pruned.Masks, pruned.Bytes);
        Assert.Equal(4 * dense.Values, dense.Bytes);

        (long Values, long Masks, long Bytes) Stored(string name, object method)
        {
            EncoderExport.Write(directory, name, MadeBy(EveryMethod.Parse(method)));
            using var file = SafetensorsFile.Open(Path.Combine(directory, $"{name}.safetensors"));
            var experts = file.Entries.Values.Where(entry => entry.Name.Contains(".expert.", StringComparison.Ordinal)).ToLookup(entry => entry.Type);
            return (experts[SafetensorsType.F32].Sum(entry => (long)entry.Length), experts[SafetensorsType.U8].Sum(entry => (long)entry.Length),
                experts.Sum(type => type.Sum(entry => (long)entry.Bytes)));
        }
    }

    static EncoderModel MadeBy(MergeMethod method) => Made.GetOrAdd(method, _ => method.MakeEncoder(Three, Work));

    static string Fingerprint(MergeGroup group)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var encoder in group.Models.Values.Select(model => model.Encoder).Prepend(group.Base.Encoder))
        {
            foreach (var (_, tensor) in encoder.OrderBy(tensor => tensor.Key, StringComparer.Ordinal))
                hash.AppendData(MemoryMarshal.AsBytes<float>(tensor.Values));
        }
        foreach (var head in group.Models.Values.Select(model => model.Head))
        {
            hash.AppendData(MemoryMarshal.AsBytes<float>(head.Weight.Values));
            hash.AppendData(MemoryMarshal.AsBytes<float>(head.Bias.Values));
        }
        var labels = group.Items.Select(item => $"{item.Id}: {string.Join(',', item.Data.Item.Labels)} {string.Join(',', item.Data.Item.Points)}");
        var tokens = group.Items.SelectMany(item => item.Train).SelectMany(ids => ids);
        return $"{Convert.ToHexString(hash.GetHashAndReset())} {string.Join("; ", labels)} {string.Join(' ', tokens)}";
    }
}
