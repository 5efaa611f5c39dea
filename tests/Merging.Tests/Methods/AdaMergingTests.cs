using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Methods;
using static ScoringService.Merging.Tests.Methods.TinyGroup;

namespace ScoringService.Merging.Tests.Methods;

public sealed class AdaMergingTests
{
    static readonly MergeGroup Experts = TinyWemoe.Group;

    // Algorithm brief §4.7.
    [Theory]
    [InlineData(Granularity.Layer)]
    [InlineData(Granularity.Task)]
    public void Without_steps_it_is_task_arithmetic(Granularity granularity)
    {
        var merged = new AdaMerging { Granularity = granularity, Steps = 0 }.MakeEncoder(Experts, Work);

        var arithmetic = new TaskArithmetic { Lambda = .3 }.MakeEncoder(Experts, Work);
        Models.AssertClose(arithmetic.Shared, merged.Shared, 1e-6f, seed: 0);
    }

    [Theory]
    [InlineData(WeighedVectors.Ties)]
    [InlineData(WeighedVectors.Awd)]
    public void Without_steps_other_task_vectors_give_the_method_they_are_named_after(WeighedVectors vectors)
    {
        var merged = new AdaMerging { Vectors = vectors, Density = .2, Initial = .4, Steps = 0 }.MakeEncoder(Experts, Work);

        StaticMethod named = vectors == WeighedVectors.Awd
            ? new Awd { Lambda = .4 } : new Ties { Density = .2, Lambda = .4, Merge = DisjointMerge.Sum };
        Models.AssertClose(named.MakeEncoder(Experts, Work).Shared, merged.Shared, 1e-6f, seed: 0);
    }

    // dL/dλᵢˡ = ⟨∂L/∂θˡ, τᵢˡ⟩ (algorithm brief §4.7).
    [Fact]
    public void A_coefficients_gradient_is_the_product_of_the_weights_gradient_with_the_task_vector()
    {
        var weighed = new AdaMerging().Start(Experts, default);
        string[] tensors = [.. weighed.TaskVectors.Keys];

        var ofCoefficients = TinyWemoe.EntropyOf(weighed, [.. tensors.Select(WeighedEncoder.CoefficientOf)]).Gradients;
        var ofWeights = TinyWemoe.EntropyOf(weighed.Fold(), tensors).Gradients;

        double[] products = [.. tensors.Zip(ofWeights).SelectMany(tensor => weighed.TaskVectors[tensor.First].Select(taskVector =>
            taskVector.Values.Zip(tensor.Second, (change, slope) => change * slope).Sum()))];
        TinyWemoe.AssertRelative(products, [.. ofCoefficients.SelectMany(coefficients => coefficients)], 1e-3, "gradients");
    }

    [Fact]
    public void A_coefficients_gradient_is_the_slope_of_the_entropy()
    {
        const float Step = 1f / 32;
        var weighed = new AdaMerging { Granularity = Granularity.Task }.Start(Experts, default);

        var gradient = Assert.Single(TinyWemoe.EntropyOf(weighed, [WeighedEncoder.Coefficient]).Gradients);

        double[] slopes = [.. Enumerable.Range(0, 3).Select(expert => (At(expert, Step) - At(expert, -Step)) / (2 * Step))];
        TinyWemoe.AssertRelative(slopes, gradient, 5e-3, "gradient");

        double At(int expert, float step)
        {
            var coefficients = weighed.Coefficients[WeighedEncoder.Coefficient];
            var moved = coefficients with { Values = [.. coefficients.Values.Select((value, i) => i == expert ? value + step : value)] };
            return TinyWemoe.EntropyOf(weighed with { Coefficients = new Dictionary<string, Tensor> { [WeighedEncoder.Coefficient] = moved } },
                []).Entropy;
        }
    }

    [Fact]
    public void What_no_item_changed_stays_the_bases_and_the_rest_is_a_weighed_sum_of_task_vectors()
    {
        var merged = new AdaMerging { Granularity = Granularity.Task, Steps = 3, BatchSize = 4, LearningRate = .05 }.MakeEncoder(Experts,
            Work).Shared;

        Assert.All(BertTensors.EmbeddingTables, table => Assert.Same(Experts.Base.Encoder[table], merged[table]));
        // Two tensors of different layers lie on the base's plane with the same three coefficients.
        var (first, last) = (Coefficients("encoder.layer.0.intermediate.dense.weight"), Coefficients("encoder.layer.1.output.dense.weight"));
        Assert.All(first.Zip(last), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        Assert.All(first, coefficient => Assert.NotEqual(.3, coefficient, 1e-3));

        double[] Coefficients(string tensor)
        {
            double[] Change(IReadOnlyDictionary<string, Tensor> encoder) =>
                [.. encoder[tensor].Values.Zip(Experts.Base.Encoder[tensor].Values, (value, start) => (double)value - start)];
            var system = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.DenseOfColumnArrays(
                Experts.Ids.Select(id => Change(Experts.Models[id].Encoder)));
            return [.. system.QR().Solve(MathNet.Numerics.LinearAlgebra.Vector<double>.Build.Dense(Change(merged)))];
        }
    }
}
