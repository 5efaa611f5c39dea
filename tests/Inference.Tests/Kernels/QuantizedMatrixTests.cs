using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Tests.Kernels;

public sealed unsafe class QuantizedMatrixTests
{
    [Fact]
    public void A_product_in_eight_bits_is_that_of_the_rounded_numbers()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var (inputs, outputs, rows) = (16 * random.Next(1, 12), random.Next(1, 130), random.Next(1, 11));
            float[] weights = Values(outputs * inputs), bias = Values(outputs), x = Values(rows * inputs);
            const float scale = .5f;
            using var matrix = new QuantizedMatrix((new Tensor([outputs, inputs], weights), new Tensor([outputs], bias), scale));
            var y = new float[rows * matrix.Stride];
            var (rounded, scales) = (new byte[rows * inputs], new RowScale[rows]);
            fixed (float* from = x, to = y)
            fixed (RowScale* steps = scales)
            fixed (byte* bytes = rounded)
            {
                matrix.Quantize(from, inputs, rows, bytes, steps);
                matrix.Multiply<Identity>(bytes, steps, rows, to);
            }

            for (var row = 0; row < rows; row++)
            {
                var own = x.AsSpan(row * inputs, inputs);
                for (var output = 0; output < outputs; output++)
                {
                    var weight = weights.AsSpan(output * inputs, inputs);
                    var weightStep = weight.ToArray().Max(Math.Abs) / 127;
                    var (expected, doubt) = ((double)bias[output] * scale, 0.0);
                    for (var i = 0; i < inputs; i++)
                    {
                        var (roundedRow, roundedWeight) = ((rounded[(row * inputs) + i] - scales[row].Zero) * (double)scales[row].Step, MathF.Round(weight[i] / weightStep));
                        Assert.True(Math.Abs(roundedRow - own[i]) <= scales[row].Step * 1.01, $"seed {seed}");
                        expected += roundedRow * roundedWeight * weightStep * scale;
                        // A weight that lies between two steps may be rounded either way.
                        if (Math.Abs(Math.Abs((weight[i] / weightStep) - roundedWeight) - .5) < 1e-4)
                            doubt += Math.Abs(roundedRow) * weightStep;
                    }
                    Assert.True(Math.Abs(expected - y[(row * matrix.Stride) + output]) <= doubt + 1e-4, $"seed {seed}");
                }
            }

            float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - .5f) * 4)];
        }
    }

    [Fact]
    public void A_row_lies_on_255_steps_from_its_smallest_to_its_largest_number_with_zero_on_one_of_them()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var (inputs, shift) = (16 * random.Next(1, 30), (random.Next(5) - 2) * .5f);
            using var matrix = new QuantizedMatrix((new Tensor([1, inputs], new float[inputs]), new Tensor([1], [0]), 1f));
            float[] x = [.. Enumerable.Range(0, inputs).Select(_ => MathF.Pow(random.NextSingle() - .5f, 3) + (shift * random.NextSingle()))];
            var (rounded, scale) = (new byte[inputs], new RowScale());
            fixed (float* from = x)
            fixed (byte* bytes = rounded)
                matrix.Quantize(from, inputs, 1, bytes, &scale);

            var (top, bottom) = (Math.Max(0, x.Max()), Math.Min(0, x.Min()));
            var perNumber = 255 / (top - bottom);
            var zero = (int)MathF.Round(-bottom * perNumber);
            Assert.Equal(new RowScale((top - bottom) / 255, zero), scale);
            for (var i = 0; i < inputs; i++)
                Assert.True(rounded[i] == Math.Clamp((int)MathF.Round(x[i] * perNumber) + zero, 0, 255), $"seed {seed}, input {i}");
        }
    }

    [Fact]
    public void A_row_of_zeros_gives_the_bias()
    {
        using var matrix = new QuantizedMatrix((new Tensor([2, 16], [.. Enumerable.Range(0, 32).Select(i => (float)i)]), new Tensor([2], [3, -4]), 1f));
        var (y, x, rounded, scales) = (new float[matrix.Stride], new float[16], new byte[16], new RowScale[1]);
        fixed (float* from = x, to = y)
        fixed (RowScale* steps = scales)
        fixed (byte* bytes = rounded)
        {
            matrix.Quantize(from, 16, 1, bytes, steps);
            matrix.Multiply<Identity>(bytes, steps, 1, to);
        }

        Assert.Equal([3f, -4f], y[..2]);
    }
}
