using System.Text;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Api.Tests.Merging;

/// <summary>
/// A running service with two items of the real data and a little-trained model of each, for a class of tests. The base is MiniLM cut to two layers
/// and the commonest tokens, so that a merge takes seconds.
/// </summary>
public sealed class TrainedItems : IAsyncLifetime, IDisposable
{
    const string Base = "minilm-cut";

    readonly TemporaryDirectory directory = new();

    internal static string[] Ids { get; } = ["SC_Puddle", "SC_Moon"];

    internal RunningService Service { get; private set; } = null!;

    internal BertConfig Config { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        var cut = Cut(PackagedBaseModel.All[0].Read(), layers: 2, tokens: 5000);
        Config = cut.Config;
        cut.Save(Path.Combine(directory.Path, "base-models", Base));
        Service = await RunningService.Start(directory.Path);
        foreach (var item in Ids)
            await SampleItems.Define(Service.Admin, item);
        await Service.Admin.RunJob("/v1/admin/training-jobs", new { itemIds = Ids, baseModel = Base, epochs = 1, maxTokens = 24 });
    }

    public async Task DisposeAsync() => await Service.DisposeAsync();

    public void Dispose() => directory.Dispose();

    static Checkpoint Cut(Checkpoint whole, int layers, int tokens)
    {
        var config = whole.Config with { Layers = layers, VocabularySize = tokens };
        var encoder = BertTensors.Shapes(config).ToDictionary(
            tensor => tensor.Key,
            tensor => new Tensor(tensor.Value, whole.Encoder[tensor.Key].Values[..tensor.Value.Aggregate((product, size) => product * size)]));
        var vocabulary = Encoding.UTF8.GetString(whole.Tokenizer["vocab.txt"]).Split('\n')[..tokens];
        return new(config, encoder, null, new Dictionary<string, byte[]> { ["vocab.txt"] = Encoding.UTF8.GetBytes(string.Join('\n', vocabulary)) });
    }
}
