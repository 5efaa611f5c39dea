using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>The parameter counts of WEMoE's and E-WEMoE's papers (algorithm brief §2.5 and §3.2).</summary>
public sealed class RouterLayoutTests
{
    const int Tasks = 8;

    static readonly BertConfig Base = new()
    {
        HiddenSize = 768, IntermediateSize = 3072, Layers = 12, AttentionHeads = 12, VocabularySize = 30_522, MaxPositions = 512,
    };

    static readonly BertConfig Large = Base with { HiddenSize = 1024, IntermediateSize = 4096, Layers = 24, AttentionHeads = 16 };

    [Theory]
    [InlineData(2, 7_160_928)]
    [InlineData(1, 73_824)]
    [InlineData(0, 96)]
    public void Routers_of_twelve_layers_have_as_many_parameters_as_published(int depth, int expected) =>
        Assert.Equal(expected, Parameters(new(depth), Base, Tasks));

    [Theory]
    [InlineData(2, 596_744)]
    [InlineData(1, 6_152)]
    public void A_shared_router_has_those_of_one(int depth, int expected) =>
        Assert.Equal(expected, Parameters(new(depth, IsShared: true), Base, Tasks));

    // 25.39M and 1.058M of L/14.
    [Fact]
    public void Routers_of_a_larger_encoder_too()
    {
        Assert.Equal(25_387_200, Parameters(new(2), Large, Tasks));
        Assert.Equal(1_057_800, Parameters(new(2, IsShared: true), Large, Tasks));
    }

    // 7.17M.
    [Fact]
    public void Nine_items_of_BERT_base_need_a_little_more() => Assert.Equal(7_170_156, Parameters(new(2), Base, 9));

    // Concatenating eight numbers with the input widens the first weight by as many columns.
    [Theory]
    [InlineData(2, 768)]
    [InlineData(1, Tasks)]
    [InlineData(0, 0)]
    public void Telling_a_router_its_layer_costs_eight_columns(int depth, int rows)
    {
        var layout = new RouterLayout(depth, IsShared: true);
        Assert.Equal(8 * rows, Parameters(layout with { LayerEncoding = true }, Base, Tasks) - Parameters(layout, Base, Tasks));
    }

    // 8d² + 5d a layer; 56,669,184 a task.
    [Fact]
    public void The_MLPs_of_one_task_have_as_many_parameters_as_published()
    {
        var shapes = BertTensors.Shapes(Base);
        var mlps = Modules(Base).SelectMany(routed => WeightEnsemblingEncoder.TensorsOf(routed.Layer, routed.Module)).Sum(tensor =>
            shapes[tensor].Aggregate((a, b) => a * b));
        Assert.Equal(12 * 4_722_432, mlps);
    }

    static int Parameters(RouterLayout layout, BertConfig config, int experts) =>
        layout.Shapes(config, experts, Modules(config)).Values.Sum(shape => shape.Aggregate((a, b) => a * b));

    static IEnumerable<(int Layer, RoutedModule Module)> Modules(BertConfig config) =>
        Enumerable.Range(0, config.Layers).Select(layer => (layer, RoutedModule.Mlp));
}
