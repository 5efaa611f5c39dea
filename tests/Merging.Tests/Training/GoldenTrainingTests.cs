using ScoringService.Inference.Scoring;
using ScoringService.Inference.Tests.Encoders;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests.Training;

/// <summary>Fine-tuning against PyTorch's numbers.</summary>
public class GoldenTrainingTests
{
    static readonly TrainingRecipe Recipe = new() { EncoderLearningRate = 1e-2f, HeadLearningRate = 1e-2f, WeightDecay = .01f, ClipNorm = 1 };

    [Fact]
    public void Logits_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);

        var logits = trainer.Score(TinyBert.Examples);

        Assert.True(Distance(TinyBert.Values("logits"), logits) < 1e-5);
    }

    [Fact]
    public void Loss_and_gradients_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);

        var result = trainer.Step(TinyBert.Examples, rate: 1);

        Assert.Equal(TinyBert.Values("losses")[0], result.Loss, 1e-5);
        Assert.Equal(TinyBert.Values("grad_norm")[0], result.GradientNorm, 1e-5 * TinyBert.Values("grad_norm")[0]);
        Assert.All(Compared(trainer), parameter => AssertClose($"grad.{GoldenName(parameter)}", parameter.Gradient.ToArray()));
    }

    [Fact]
    public void Three_clipped_AdamW_steps_of_a_tiny_bert_equal_PyTorch()
    {
        using var trainer = Start(Recipe);

        var losses = Enumerable.Range(0, 3).Select(_ => (float)trainer.Step(TinyBert.Examples, rate: 1).Loss).ToArray();

        Assert.True(Distance(TinyBert.Values("losses"), losses) < 1e-5);
        Assert.All(Compared(trainer), parameter => AssertClose($"after3.{GoldenName(parameter)}", parameter.Values.ToArray()));
    }

    [Fact]
    public void Cancelling_within_a_step_ends_it_and_changes_nothing()
    {
        var head = new Head(new([2, 384], new float[768]), new([2], new float[2]));
        var item = new Item { Id = "item", Scoring = ScoringKind.MultiLabel, Labels = ["a", "b"], Points = [1, 1] };
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        using var trainer = EncoderTrainer.ForItem(new(item, MiniLm.Checkpoint.Config, MiniLm.Checkpoint.Encoder, head), Recipe, threads: 1, stop.Token);
        // Seconds of work, of which the first instants are done.
        var responses = Enumerable.Repeat(new TrainingExample([.. Enumerable.Range(1000, 128)], Item: 0, [0, 1]), 32).ToArray();

        var error = Assert.ThrowsAny<OperationCanceledException>(() => trainer.Step(responses, rate: 1));

        Assert.Equal(stop.Token, error.CancellationToken);
        Assert.All(trainer.Heads()[0].Weight.Values, value => Assert.Equal(0, value));
    }

    static EncoderTrainer Start(TrainingRecipe recipe) =>
        EncoderTrainer.ForItem(new(TinyBert.Item, TinyBert.Config, TinyBert.Encoder, TinyBert.Head), recipe, threads: 2, CancellationToken.None);

    // The true gradient of a key bias is zero; Adam amplifies its rounding noise.
    static IEnumerable<Parameter> Compared(EncoderTrainer trainer) =>
        trainer.Parameters.Where(parameter => !parameter.Name.EndsWith("attention.self.key.bias", StringComparison.Ordinal));

    static string GoldenName(Parameter parameter) => parameter.Name.Replace("heads.", "classifier.", StringComparison.Ordinal);

    static void AssertClose(string name, float[] actual)
    {
        var distance = Distance(TinyBert.Values(name), actual);
        Assert.True(distance < 1e-5, $"{name}: relative distance {distance}");
    }

    static double Distance(double[] expected, float[] actual) =>
        Math.Sqrt(expected.Zip(actual, (a, b) => (a - b) * (a - b)).Sum() / expected.Sum(a => a * a));
}
