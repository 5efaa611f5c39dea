using MathNet.Numerics.LinearAlgebra;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Methods;
using static ScoringService.Merging.Tests.Methods.Models;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

public sealed class RegMeanTests
{
    const string Query = "encoder.layer.1.attention.self.query.weight";

    // Algorithm brief §4.6.
    [Theory]
    [InlineData(1)]
    [InlineData(.3)]
    [InlineData(0)]
    public void Diagonal_inputs_give_the_worked_numbers_whatever_is_shrunk(double alpha) =>
        AssertClose([2.6f, 3], RegMean.Solve([Row(1, 2), Row(3, 4)], [Gram(1, 0, 0, 1), Gram(2, 0, 0, 1)], alpha).Values);

    // Algorithm brief §4.6: X₁ = [[1,1],[0,1]], G₂ = I.
    [Theory]
    [InlineData(1, new[] { 2.0909f, 2.7273f })]
    [InlineData(.9, new[] { 2.1081f, 2.7507f })]
    [InlineData(0, new[] { 2.3333f, 3 })]
    public void Correlated_inputs_give_the_worked_numbers(double alpha, float[] expected) => AssertClose(
        expected, RegMean.Solve([Row(1, 2), Row(3, 4)], [Gram(1, 1, 0, 1), Gram(Math.Sqrt(2), 0, 0, Math.Sqrt(2))], alpha).Values, 5e-5f);

    [Fact]
    public void Random_systems_are_solved_as_MathNet_solves_them()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            var (weights, grams) = System(random, models: random.Next(1, 4), outputs: random.Next(1, 20), inputs: random.Next(1, 40));
            var alpha = random.NextDouble();
            var sum = grams.Select(gram => Shrunk(gram, alpha)).Aggregate((a, b) => a + b);
            var weighted = weights.Zip(grams, (weight, gram) => Dense(weight) * Shrunk(gram, alpha)).Aggregate((a, b) => a + b);
            var expected = sum.TransposeThisAndMultiply(Matrix<double>.Build.DenseIdentity(sum.RowCount)).Solve(weighted.Transpose()).Transpose();

            var solved = RegMean.Solve(weights, grams, alpha);

            Assert.True((Dense(solved) - expected).L2Norm() < 1e-5 * expected.L2Norm(), $"seed {seed}");
        }

        static Matrix<double> Shrunk(Matrix gram, double alpha) => Matrix<double>.Build.Dense(
            gram.Rows, gram.Columns, (i, j) => i == j ? gram[i, j] : alpha * gram[i, j]);

        static Matrix<double> Dense(Tensor tensor) => Matrix<double>.Build.Dense(
            tensor.Shape[0], tensor.Shape[1], (i, j) => tensor.Values[(i * tensor.Shape[1]) + j]);
    }

    [Fact]
    public void Equal_inputs_give_the_plain_average()
    {
        for (var seed = 0; seed < 10; seed++)
        {
            var (weights, grams) = System(new Random(seed), models: 3, outputs: 5, inputs: 17);
            var mean = weights[0].Values.Select((_, i) => weights.Average(weight => weight.Values[i])).ToArray();
            AssertClose(mean, RegMean.Solve(weights, [grams[0], grams[0], grams[0]], .9).Values, 1e-6f);
        }
    }

    [Fact]
    public void Equal_weights_stay_bit_for_bit_even_where_the_inputs_are_singular()
    {
        var (weights, _) = System(new Random(3), models: 1, outputs: 4, inputs: 9);
        Matrix[] grams = [Rank(1, 9, new Random(4)), new Matrix(9, 9), Rank(2, 9, new Random(5))];
        Assert.Equal(weights[0].Values, RegMean.Solve([weights[0], weights[0], weights[0]], grams, 1).Values);
    }

    [Fact]
    public void Where_the_inputs_do_not_determine_the_weights_they_are_averaged()
    {
        // Both models have only seen the first input; of the second they know nothing.
        AssertClose([2.5f, 3], RegMean.Solve([Row(1, 2), Row(3, 4)], [Gram(1, 0, 0, 0), Gram(Math.Sqrt(3), 0, 0, 0)], 1).Values, 1e-5f);
        AssertClose([2, 3], RegMean.Solve([Row(1, 2), Row(3, 4)], [new Matrix(2, 2), new Matrix(2, 2)], .9).Values);
    }

    [Fact]
    public void Weights_and_Gram_matrices_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentException>(() => RegMean.Solve([Row(1, 2)], [new Matrix(3, 3)], 1));
        Assert.Throws<ArgumentException>(() => RegMean.Solve([Row(1, 2)], [], 1));
        Assert.Throws<ArgumentException>(() => RegMean.Solve([], [], 1));
    }

    [Fact]
    public void Only_linear_weights_differ_from_the_plain_average()
    {
        var group = Group("a", "b", "c");
        var average = Merge.Combine(new TaskArithmetic { Lambda = 1.0 / 3 }, group.Base.Encoder, group.Ids, group.Models);

        var merged = new RegMean().Combine(group, Work);

        Assert.Equal(average.Keys.Order(), merged.Keys.Order());
        Assert.All(merged, tensor => Assert.Equal(
            tensor.Key.EndsWith("dense.weight", StringComparison.Ordinal) || tensor.Key.Contains(".self.", StringComparison.Ordinal) && tensor.Key.EndsWith("weight", StringComparison.Ordinal),
            !tensor.Value.Values.SequenceEqual(average[tensor.Key].Values)));
    }

    [Fact]
    public void The_merged_layers_come_closer_to_the_items_own_than_the_average_does()
    {
        var group = Group("a", "b");
        var grams = group.Items.Select(item => InputGrams.Of(
            group.Config, group.Models[item.Id].Encoder, item.Train, Work.Runtime, default)[Query[..^".weight".Length]]).ToArray();
        double Distance(IReadOnlyDictionary<string, Tensor> merged) => group.Ids.Zip(grams).Sum(pair => Quadratic(
            merged[Query], group.Models[pair.First].Encoder[Query], pair.Second));

        var average = Distance(Merge.Combine(new SimpleAverage(), group.Base.Encoder, group.Ids, group.Models));
        var shrunk = Distance(new RegMean { Alpha = .9 }.Combine(group, Work));
        var exact = Distance(new RegMean { Alpha = 1 }.Combine(group, Work));

        Assert.True(exact < shrunk && shrunk < average, $"{exact} {shrunk} {average}");

        // tr (W − Wᵢ) G (W − Wᵢ)ᵀ: the mean squared difference of the outputs.
        static double Quadratic(Tensor merged, Tensor own, Matrix gram) => Enumerable.Range(0, own.Shape[0]).Sum(row =>
        {
            var d = Enumerable.Range(row * gram.Rows, gram.Rows).Select(i => (double)merged.Values[i] - own.Values[i]).ToArray();
            return Enumerable.Range(0, gram.Rows).Sum(i => Enumerable.Range(0, gram.Rows).Sum(j => d[i] * gram[i, j] * d[j]));
        });
    }

    static Tensor Row(params float[] values) => new([1, values.Length], values);

    /// <summary>G = XᵀX/2 of a 2×2 X.</summary>
    static Matrix Gram(double a, double b, double c, double d)
    {
        var gram = new Matrix(2, 2);
        (gram[0, 0], gram[1, 1]) = (((a * a) + (c * c)) / 2, ((b * b) + (d * d)) / 2);
        gram[0, 1] = gram[1, 0] = ((a * b) + (c * d)) / 2;
        return gram;
    }

    static (Tensor[] Weights, Matrix[] Grams) System(Random random, int models, int outputs, int inputs) => (
        [.. Enumerable.Range(0, models).Select(_ => new Tensor(
            [outputs, inputs], [.. Enumerable.Range(0, outputs * inputs).Select(_ => random.NextSingle() - .5f)]))],
        [.. Enumerable.Range(0, models).Select(_ => Rank(inputs + 5, inputs, random))]);

    /// <summary>A random Gram matrix of that many inputs.</summary>
    static Matrix Rank(int rank, int size, Random random)
    {
        var (inputs, gram) = (new Matrix(rank, size), new Matrix(size, size));
        foreach (ref var value in inputs.Values)
            value = random.NextDouble() - .5;
        Matrix.Multiply(inputs.Transposed(), inputs, gram);
        return gram;
    }
}
