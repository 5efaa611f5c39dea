using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;

namespace ScoringService.Merging.Tests.Methods;

public sealed class InputGramsTests
{
    [Fact]
    public void Every_linear_layer_has_its_matrix_and_layers_that_read_the_same_share_it()
    {
        var grams = Of(TinyBert.Responses);

        var linear = TinyBert.Encoder.Where(tensor => tensor.Value.Shape.Length == 2).Select(tensor => tensor.Key).Except(BertTensors.EmbeddingTables);
        Assert.Equal(linear.Select(name => name[..^".weight".Length]).Order(), grams.Keys.Order());
        Assert.All(grams, gram => Assert.Equal(TinyBert.Encoder[$"{gram.Key}.weight"].Shape[1], gram.Value.Rows));
        Assert.Same(grams["encoder.layer.0.attention.self.query"], grams["encoder.layer.0.attention.self.value"]);
    }

    [Fact]
    public void The_matrix_of_a_layer_is_the_mean_product_of_what_it_reads()
    {
        var graph = new Graph();
        var model = new EncoderGraph(graph, TinyBert.Config, EncoderWeights.Declare(TinyBert.Config, (name, _) => graph.Weight(name, TinyBert.Encoder[name])));
        using var runner = new GraphRunner(graph, model.HiddenState(1));
        var ids = TinyBert.Responses[0];
        var hidden = runner.Run(
            (EncoderGraph.IdsInput, [.. ids.Select(id => (double)id)], [1, ids.Length]),
            (EncoderGraph.MaskInput, [.. ids.Select(_ => 1.0)], [1, ids.Length]))[0].Chunk(32).ToArray();

        var gram = Of([ids])["encoder.layer.1.attention.self.query"];

        for (var i = 0; i < 32; i++)
        {
            for (var j = 0; j < 32; j++)
                Assert.Equal(hidden.Average(token => token[i] * token[j]), gram[i, j], 1e-5);
        }
    }

    [Fact]
    public void Padding_and_batches_leave_no_trace()
    {
        int[][] responses = [.. Enumerable.Range(1, 300).Select(i => Enumerable.Range(i, 1 + (i % 16)).Select(id => id % 50).ToArray())];
        var tokens = responses.Sum(ids => ids.Length);
        var unpadded = responses.GroupBy(ids => ids.Length).Select(group => (Tokens: group.Key * group.Count(), Grams: Of([.. group]))).ToArray();

        var together = Of(responses);

        foreach (var (layer, gram) in together)
        {
            for (var i = 0; i < gram.Rows; i++)
                Assert.Equal(unpadded.Sum(group => group.Grams[layer][i, 3] * group.Tokens) / tokens, gram[i, 3], 1e-5);
        }
    }

    static IReadOnlyDictionary<string, Matrix> Of(int[][] responses) =>
        InputGrams.Of(TinyBert.Config, TinyBert.Encoder, responses, new RuntimeOptions { Threads = 1 }, CancellationToken.None);
}
