using ScoringService.Inference.Graphs;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class LossesTests
{
    [Theory]
    [InlineData(ScoringKind.MultiClass)]
    [InlineData(ScoringKind.MultiLabel)]
    public void The_loss_in_a_graph_is_the_mean_of_the_loss_of_each_response(ScoringKind scoring)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var (rows, labels) = (random.Next(1, 6), random.Next(1, 5));
            float[] logits = [.. Enumerable.Range(0, rows * labels).Select(_ => 40 * random.NextSingle() - 20)];
            float[] targets = [.. Enumerable.Range(0, rows).SelectMany(_ => Row(random, labels, scoring))];
            var graph = new Graph();
            using var runner = new GraphRunner(
                graph, Losses.For(scoring, graph.Input("logits", ["batch", labels]), graph.Input("targets", ["batch", labels])));

            var inGraph = runner.Run(
                ("logits", Array.ConvertAll(logits, x => (double)x), [rows, labels]), ("targets", Array.ConvertAll(targets, x => (double)x), [rows, labels]))[0][0];

            var each = logits.Chunk(labels).Zip(targets.Chunk(labels), (row, target) => Losses.Of(scoring, row, target)).Average();
            Assert.True(Math.Abs(each - inGraph) < 1e-5 * Math.Max(1, each), $"seed {seed}: {each} and {inGraph}");
        }
    }

    [Theory]
    [InlineData(ScoringKind.MultiClass, 400)]
    [InlineData(ScoringKind.MultiLabel, 200)]
    public void Large_logits_do_not_overflow(ScoringKind scoring, double expected) =>
        Assert.Equal(expected, Losses.Of(scoring, [200, -200], [0, 1]), 1e-9);

    static float[] Row(Random random, int labels, ScoringKind scoring)
    {
        var chosen = random.Next(labels);
        return [.. Enumerable.Range(0, labels).Select(label => scoring == ScoringKind.MultiClass ? label == chosen ? 1f : 0f : random.Next(2))];
    }
}
