using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Training;

namespace ScoringService.Merging.Tests.Methods;

public sealed class CompensatedRoundingTests
{
    [Fact]
    public void Every_weight_is_a_whole_number_of_steps_and_the_largest_of_an_output_stays()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var (_, rows, weight) = Layer(seed);
            var rounded = Rounded(rows, weight);
            var inputs = weight.Shape[1];
            for (var output = 0; output < weight.Shape[0]; output++)
            {
                var (before, after) = (weight.Values.AsSpan(output * inputs, inputs).ToArray(), rounded.Values.AsSpan(output * inputs, inputs).ToArray());
                var largest = before.Max(Math.Abs);
                Assert.Equal(largest, after.Max(Math.Abs), largest * 1e-6f);
                Assert.All(after, value => Assert.Equal(0, Math.Abs((value / largest * 127) - MathF.Round(value / largest * 127)), 1e-4f));
            }
        }
    }

    [Fact]
    public void Rounding_to_the_nearest_changes_nothing_any_more()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var (_, rows, weight) = Layer(seed);
            var rounded = Rounded(rows, weight);

            Assert.All(rounded.Values.Zip(Nearest(rounded).Values), pair => Assert.Equal(pair.First, pair.Second, Math.Abs(pair.First) * 1e-6f));
        }
    }

    [Fact]
    public void On_inputs_that_depend_on_each_other_it_errs_much_less_than_rounding_to_the_nearest()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var (_, rows, weight) = Layer(seed);

            var (together, nearest) = (Error(rows, weight, Rounded(rows, weight)), Error(rows, weight, Nearest(weight)));

            Assert.True(together < .5 * nearest, $"seed {seed}: {together:g3} against {nearest:g3}");
        }
    }

    [Fact]
    public void Inputs_that_are_independent_and_equally_large_leave_every_weight_to_its_nearest_step()
    {
        var (_, _, weight) = Layer(seed: 3);
        var gram = new Matrix(weight.Shape[1], weight.Shape[1]);
        for (var i = 0; i < gram.Rows; i++)
            gram[i, i] = 2;

        var rounded = Assert.Single(CompensatedRounding.Round(gram, [weight]));

        Assert.All(Nearest(weight).Values.Zip(rounded.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void Two_inputs_that_are_always_equal_share_their_errors()
    {
        // Steps of 1: 2.4 + 2.4 is nearest to 5 steps on the same input, where each alone would take 2.
        var gram = new Matrix(3, 3);
        (gram[0, 0], gram[0, 1], gram[1, 0], gram[1, 1], gram[2, 2]) = (1, 1, 1, 1, 5);

        var rounded = Assert.Single(CompensatedRounding.Round(gram, [new Tensor([1, 3], [2.4f, 2.4f, 127])]));

        Assert.Equal(5, rounded.Values[0] + rounded.Values[1], 1e-4f);
        Assert.Equal(127, rounded.Values[2]);
    }

    [Fact]
    public void An_encoder_gets_a_rounded_weight_for_every_linear_layer_and_an_output_of_zeros_stays_so()
    {
        var name = "encoder.layer.1.output.dense";
        var zeros = TinyBert.Encoder[$"{name}.weight"] with { Values = [.. TinyBert.Encoder[$"{name}.weight"].Values] };
        zeros.Values.AsSpan(0, zeros.Shape[1]).Clear();
        var encoder = new Dictionary<string, Tensor>(TinyBert.Encoder) { [$"{name}.weight"] = zeros };

        var rounded = CompensatedRounding.Of(TinyBert.Config, encoder, TinyBert.Responses, new RuntimeOptions { Threads = 1 }, default);

        Assert.Equal(TinyBert.Config.Layers * 6, rounded.Count);
        Assert.All(rounded, layer => Assert.Equal(encoder[$"{layer.Key}.weight"].Shape, layer.Value.Shape));
        Assert.All(rounded[name].Values[..zeros.Shape[1]], value => Assert.Equal(0, value));
    }

    // Inputs of few causes: more columns than directions that matter, as an encoder's are.
    static (Random Random, float[][] Rows, Tensor Weight) Layer(int seed)
    {
        var random = new Random(seed);
        var (inputs, outputs, causes) = (16 * random.Next(1, 4), random.Next(1, 20), random.Next(2, 8));
        float[][] mixing = [.. Enumerable.Range(0, causes).Select(_ => Values(inputs))];
        float[][] rows = [.. Enumerable.Range(0, 200).Select(_ =>
        {
            var (shares, noise) = (Values(causes), Values(inputs));
            return Enumerable.Range(0, inputs).Select(i => shares.Zip(mixing, (share, mix) => share * mix[i]).Sum() + (.05f * noise[i])).ToArray();
        })];
        return (random, rows, new Tensor([outputs, inputs], Values(outputs * inputs)));

        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - .5f) * 4)];
    }

    static Tensor Rounded(float[][] rows, Tensor weight)
    {
        var gram = new Matrix(weight.Shape[1], weight.Shape[1]);
        for (var i = 0; i < gram.Rows; i++)
        {
            for (var j = 0; j < gram.Rows; j++)
                gram[i, j] = rows.Average(row => (double)row[i] * row[j]);
        }
        return Assert.Single(CompensatedRounding.Round(gram, [weight]));
    }

    static Tensor Nearest(Tensor weight) => weight with
    {
        Values = [.. weight.Values.Chunk(weight.Shape[1]).SelectMany(output =>
        {
            var step = output.Max(Math.Abs) / 127;
            return output.Select(value => MathF.Round(value / step) * step);
        })],
    };

    static double Error(float[][] rows, Tensor weight, Tensor rounded)
    {
        float[][] errors = [.. weight.Values.Zip(rounded.Values, (a, b) => a - b).Chunk(weight.Shape[1])];
        return rows.Average(row => errors.Average(error => Math.Pow(error.Zip(row, (a, b) => (double)a * b).Sum(), 2)));
    }
}
