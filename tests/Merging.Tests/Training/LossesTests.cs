using ScoringService.Inference.Scoring;
using ScoringService.Inference.Torch;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class LossesTests
{
    [Theory]
    [InlineData(ScoringKind.MultiClass)]
    [InlineData(ScoringKind.MultiLabel)]
    public void The_loss_of_a_batch_on_Torch_is_that_of_each_response(ScoringKind scoring)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var (rows, labels) = (random.Next(1, 6), random.Next(1, 5));
            float[] logits = [.. Enumerable.Range(0, rows * labels).Select(_ => 40 * random.NextSingle() - 20)];
            float[] targets = [.. Enumerable.Range(0, rows).SelectMany(_ => Row(random, labels, scoring))];
            using var scope = Libtorch.Scope();
            var (z, t) = (TorchMemory.Copy(logits, rows, labels), TorchMemory.Copy(targets, rows, labels));

            var losses = scoring == ScoringKind.MultiClass ? Losses.CrossEntropy(z, t) : Losses.BinaryCrossEntropy(z, t) / labels;

            foreach (var (row, loss) in losses.Floats().ToArray().Index())
            {
                var expected = Losses.Of(scoring, logits.AsSpan(row * labels, labels), targets.AsSpan(row * labels, labels));
                Assert.True(Math.Abs(expected - loss) < 1e-5 * Math.Max(1, expected), $"seed {seed}, row {row}: {expected} and {loss}");
            }
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
