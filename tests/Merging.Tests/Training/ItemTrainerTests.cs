using ScoringService.Inference.Scoring;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

public class ItemTrainerTests
{
    static readonly TrainingRecipe Recipe = new() { EncoderLearningRate = 1e-2f, HeadLearningRate = 1e-2f, WeightDecay = .01f, ClipNorm = 1 };

    [Fact]
    public void Logits_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);
        var logits = new float[TinyBert.Responses.Length * 3];

        trainer.Score(TinyBert.Responses, logits, CancellationToken.None);

        Assert.True(Distance(TinyBert.Values("logits"), logits) < 1e-5);
    }

    [Fact]
    public void Loss_and_gradients_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);

        var result = trainer.Step(TinyBert.Responses, TinyBert.Targets, rate: 1, CancellationToken.None);

        Assert.Equal(TinyBert.Values("losses")[0], result.Loss, 1e-5);
        Assert.Equal(TinyBert.Values("grad_norm")[0], result.GradientNorm, 1e-5 * TinyBert.Values("grad_norm")[0]);
        Assert.All(Compared(trainer), parameter => AssertClose($"grad.{parameter.Name}", parameter.Gradient));
    }

    [Fact]
    public void Three_clipped_AdamW_steps_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);

        var losses = Enumerable.Range(0, 3).Select(_ => trainer.Step(TinyBert.Responses, TinyBert.Targets, rate: 1, CancellationToken.None).Loss).ToArray();

        Assert.True(Distance(TinyBert.Values("losses"), losses) < 1e-5);
        Assert.All(Compared(trainer), parameter => AssertClose($"after3.{parameter.Name}", parameter.Values));
    }

    [Fact]
    public void Cancelling_within_a_step_ends_it_and_changes_nothing()
    {
        var head = new Head(new([2, 384], new float[768]), new([2], new float[2]));
        using var trainer = new ItemTrainer(MiniLm.Checkpoint.Config, MiniLm.Checkpoint.Encoder, head, ScoringKind.MultiLabel, Recipe, new() { Threads = 1 });
        // Seconds of work, of which the first instants are done.
        var responses = Enumerable.Repeat(Enumerable.Range(1000, 128).ToArray(), 32).ToArray();
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));

        var error = Assert.Throws<OperationCanceledException>(() => trainer.Step(responses, new float[64], rate: 1, stop.Token));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.All(trainer.Head().Weight.Values, value => Assert.Equal(0, value));
    }

    static ItemTrainer Start(TrainingRecipe recipe) =>
        new(TinyBert.Config, TinyBert.Encoder, TinyBert.Head, ScoringKind.MultiClass, recipe, new());

    // The true gradient of a key bias is zero; Adam amplifies its rounding noise.
    static IEnumerable<Parameter> Compared(ItemTrainer trainer) =>
        trainer.Parameters.Where(parameter => !parameter.Name.EndsWith("attention.self.key.bias", StringComparison.Ordinal));

    static void AssertClose(string name, float[] actual)
    {
        var distance = Distance(TinyBert.Values(name), actual);
        Assert.True(distance < 1e-5, $"{name}: relative distance {distance}");
    }

    static double Distance(double[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (a, b) => (a - b) * (a - b)).Sum() / expected.Sum(a => a * a));
}
