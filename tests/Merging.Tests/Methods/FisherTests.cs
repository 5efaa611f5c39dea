using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;
using static ScoringService.Merging.Tests.Methods.Models;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

public sealed class FisherTests
{
    static readonly RuntimeOptions Runtime = new() { Threads = 1 };
    static readonly string[] Tensors =
    [
        BertTensors.WordEmbeddings, "encoder.layer.0.attention.self.query.weight", "encoder.layer.1.intermediate.dense.weight",
        "encoder.layer.1.output.dense.bias", "encoder.layer.1.output.LayerNorm.weight",
    ];

    // Algorithm brief §4.5; the normalised scales are 1/(1 + ε) and 1/(5 + ε).
    [Theory]
    [InlineData(false, new[] { 2.49999975f, 5.999999f })]
    [InlineData(true, new[] { 1.75000006f, 5.999995f })]
    public void The_worked_numbers(bool normalize, float[] expected)
    {
        Tensor[] information = [Vector(1, 0), Vector(3, 4)];
        double[] scales = [.. information.Select(tensor => normalize ? 1 / (Fisher.Norm([tensor]) + 1e-6) : 1)];
        AssertClose(expected, Fisher.Mean([Vector(1, 2), Vector(3, 6)], information, scales).Values);
    }

    [Fact]
    public void Equal_information_gives_the_plain_average_and_equal_weights_stay_as_they_are()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            Tensor Random(float scale) => Vector([.. Enumerable.Range(0, 30).Select(_ => random.NextSingle() * scale)]);
            var (a, b, information) = (Random(1), Random(1), Random(1e-3f));
            AssertClose([.. a.Values.Zip(b.Values, (x, y) => (x + y) / 2)], Fisher.Mean([a, b], [information, information], [1, 1]).Values);
            Assert.Equal(a.Values, Fisher.Mean([a, a, a], [information, Random(1e-3f), Random(1e-9f)], [1, .3, 2]).Values);
        }
    }

    [Theory]
    [InlineData(ScoringKind.MultiClass, 0f, 0f, 0f)]
    [InlineData(ScoringKind.MultiClass, 3f, -1f, .5f)]
    [InlineData(ScoringKind.MultiClass, -40f, 60f, 90f)]
    [InlineData(ScoringKind.MultiClass, 900f, 0f, -900f)]
    [InlineData(ScoringKind.MultiLabel, 3f, -1f, .5f)]
    [InlineData(ScoringKind.MultiLabel, -40f, 60f, 0f)]
    public void The_rows_of_a_response_multiply_to_the_information_in_its_logits(ScoringKind scoring, params float[] logits)
    {
        var rows = LogitInformation.Rows(scoring, logits);

        var p = scoring == ScoringKind.MultiClass
            ? logits.Select(logit => 1 / logits.Sum(other => Math.Exp((double)other - logit))).ToArray()
            : [.. logits.Select(logit => 1 / (1 + Math.Exp(-(double)logit)))];
        for (var i = 0; i < 3; i++)
        {
            for (var j = 0; j < 3; j++)
            {
                var expected = scoring == ScoringKind.MultiClass ? ((i == j ? p[i] : 0) - (p[i] * p[j])) : i == j ? p[i] * (1 - p[i]) : 0;
                Assert.Equal(expected, rows.Sum(row => (double)row[i] * row[j]), 1e-7);
            }
        }
    }

    [Fact]
    public void The_diagonal_is_the_expected_square_of_each_responses_score()
    {
        var (model, responses) = (Group("a").Models["a"], TinyBert.Responses);
        using var trainer = Trainer(model);
        var expected = Tensors.ToDictionary(name => name, name => new double[model.Encoder[name].Length]);
        foreach (var ids in responses)
        {
            var p = Probabilities(trainer, ids);
            for (var label = 0; label < 3; label++)
            {
                // The loss of a label that is certain to hold is −ln p.
                trainer.Step([new(ids, Item: 0, [.. Enumerable.Range(0, 3).Select(other => other == label ? 1f : 0f)])], rate: 0);
                foreach (var parameter in trainer.Parameters.Where(parameter => expected.ContainsKey(parameter.Name)))
                {
                    for (var i = 0; i < parameter.Gradient.Length; i++)
                        expected[parameter.Name][i] += p[label] * parameter.Gradient[i] * parameter.Gradient[i] / responses.Length;
                }
            }
        }

        AssertNear(expected, FisherInformation.Diagonal(model, responses, Tensors, Runtime, default));
    }

    [Fact]
    public void The_public_codes_estimate_squares_the_gradient_of_the_batch()
    {
        var (model, responses) = (Group("a").Models["a"], TinyBert.Responses);
        using var trainer = Trainer(model);
        var roots = responses.Select(ids => Probabilities(trainer, ids).Select(p => (float)Math.Sqrt(p)).ToArray());
        // Training's loss is the mean over responses of −Σ t ln p.
        trainer.Step([.. responses.Zip(roots, (ids, targets) => new TrainingExample(ids, Item: 0, targets))], rate: 0);
        var expected = trainer.Parameters.ToDictionary(
            parameter => parameter.Name, parameter => Array.ConvertAll(parameter.Gradient.ToArray(), g => (double)g * g * responses.Length));

        AssertNear(expected, FisherInformation.OfPublicCode(model, responses, Tensors, Runtime, default));
    }

    [Fact]
    public void The_diagonal_agrees_with_finite_differences()
    {
        const float step = 4e-3f;
        var (model, ids) = (Group("b").Models["b"], TinyBert.Responses[0]);
        var diagonal = FisherInformation.Diagonal(model, [ids], Tensors, Runtime, default);
        using var start = Trainer(model);
        var p = Probabilities(start, ids);
        foreach (var name in Tensors)
        {
            // Where it is largest a difference of fp32 numbers still has digits.
            var place = Array.IndexOf(diagonal[name].Values, diagonal[name].Values.Max());
            var (above, below) = (Moved(+step), Moved(-step));
            var expected = Enumerable.Range(0, 3).Sum(label => p[label] * Math.Pow((Math.Log(above[label]) - Math.Log(below[label])) / (2 * step), 2));
            Assert.Equal(expected, diagonal[name].Values[place], .02 * expected);

            double[] Moved(float change)
            {
                var values = model.Encoder[name].Values.ToArray();
                values[place] += change;
                using var moved = Trainer(model with { Encoder = new Dictionary<string, Tensor>(model.Encoder) { [name] = model.Encoder[name] with { Values = values } } });
                return Probabilities(moved, ids);
            }
        }
    }

    [Theory]
    [InlineData(FisherEstimate.PerResponse)]
    [InlineData(FisherEstimate.BatchSum)]
    public void Merged_weights_lie_between_those_of_the_items(FisherEstimate estimate)
    {
        var group = Group("a", "b");
        var merged = new Fisher { Estimate = estimate }.Combine(group, Work);
        var (a, b) = (group.Models["a"].Encoder, group.Models["b"].Encoder);

        Assert.Equal(group.Base.Encoder.Keys.Order(), merged.Keys.Order());
        Assert.All(merged, tensor => Assert.All(tensor.Value.Values.Select((value, i) => (value, a[tensor.Key].Values[i], b[tensor.Key].Values[i])), weight =>
            Assert.InRange(weight.value, Math.Min(weight.Item2, weight.Item3), Math.Max(weight.Item2, weight.Item3))));
        Assert.NotEqual(Merge.Combine(new SimpleAverage(), group.Base.Encoder, group.Ids, group.Models)[Tensors[1]].Values, merged[Tensors[1]].Values);
    }

    static EncoderTrainer Trainer(ItemModel model) =>
        EncoderTrainer.ForItem(model, new() { FreezeEmbeddings = false, WeightDecay = 0, ClipNorm = 1e6f }, threads: 1, CancellationToken.None);

    static double[] Probabilities(EncoderTrainer trainer, int[] ids)
    {
        var logits = trainer.Score([new(ids, Item: 0)]);
        return [.. logits.Select(logit => 1 / logits.Sum(other => Math.Exp((double)other - logit)))];
    }

    static void AssertNear(Dictionary<string, double[]> expected, IReadOnlyDictionary<string, Tensor> actual) => Assert.All(actual, tensor =>
    {
        var (values, largest) = (expected[tensor.Key], expected[tensor.Key].Max());
        Assert.True(largest > 0);
        Assert.All(values.Zip(tensor.Value.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-4 * largest));
    });
}
