using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Features;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Methods;

/// <summary>Three experts of a two-layer BERT, and what WEMoE and E-WEMoE make of them, computed by PyTorch in double precision (the file's note says how).</summary>
static class TinyWemoe
{
    static readonly SafetensorsFile File = SafetensorsFile.Open(Path.Combine(AppContext.BaseDirectory, "Golden", "tiny_wemoe.safetensors"));

    public static int[] Items { get; } = [.. File.ReadInt64s("item").Select(item => (int)item)];

    /// <summary>The batch, without padding.</summary>
    public static int[][] Responses { get; } = [.. File.ReadInt64s("input_ids").Chunk(11).Zip(File.ReadInt64s("attention_mask").Chunk(11), (ids, mask) =>
        ids.Take(mask.Count(real => real == 1)).Select(id => (int)id).ToArray())];

    public static MergeGroup Group { get; } = MakeGroup();

    public static double[] Values(string name) => File.ReadDoubles(name);

    /// <summary>The routers of <c>wemoe</c> or <c>ewemoe</c>, under the names they have here.</summary>
    public static Dictionary<string, Tensor> Routers(string method, IReadOnlyDictionary<string, Tensor> like) => like.ToDictionary(
        tensor => tensor.Key, tensor => Read(GoldenName(method, "", tensor.Key)));

    /// <summary>Name of a router's tensor, or of its gradient, in the file.</summary>
    public static string GoldenName(string method, string gradient, string tensor)
    {
        var parts = tensor.Split('.');
        var layer = method == "ewemoe" ? "0" : parts[1];
        return $"{method}.router{layer}{gradient}.{parts[^2]}.{parts[^1]}";
    }

    static MergeGroup MakeGroup()
    {
        var baseModel = BertTensors.Shapes(TinyBert.Config).Keys.ToDictionary(name => name, name => Read($"base.{name}"));
        TokenizedItem[] items = [.. Enumerable.Range(0, 3).Select(i => new TokenizedItem(
            new(new Item { Id = $"item{i}", Scoring = ScoringKind.MultiClass, Labels = ["0", "1", "2"], Points = [0, 1, 2] },
                [.. Responses.Where((_, row) => Items[row] == i).Select((_, row) => new LabelledResponse($"r{row}", "", [true, false, false]))], [], []),
            [.. Responses.Where((_, row) => Items[row] == i)], [], []))];
        var models = items.Select((item, i) => new ItemModel(
            item.Data.Item,
            TinyBert.Config,
            baseModel.ToDictionary(t => t.Key, t => File.Entries.ContainsKey($"expert{i}.{t.Key}") ? Read($"expert{i}.{t.Key}") : t.Value),
            new(Read($"head{i}.weight"), Read($"head{i}.bias")))).ToDictionary(model => model.Item.Id);
        return new(new(TinyBert.Config, baseModel, null, new Dictionary<string, byte[]>()), [.. items], models);
    }

    static Tensor Read(string name) => new(File.Entries[name].Shape, [.. File.ReadDoubles(name).Select(value => (float)value)]);
}
