using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Alignment;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Methods;

/// <summary>
/// One linear layer's regression mean in the making: W = (Σᵢ Wᵢ G̃ᵢ)(Σᵢ G̃ᵢ)⁻¹, in fp64. Models are added one by one, so that only one model's Gram
/// matrices are ever in memory.
/// </summary>
/// <remarks>
/// Solved for the distance from the plain mean W̄, W = W̄ + (Σᵢ (Wᵢ − W̄) G̃ᵢ)(Σᵢ G̃ᵢ)⁻¹: equal weights stay as they are, and where the inputs do not
/// determine the weights, the ridge draws them to the mean and not to zero.
/// </remarks>
sealed class LinearRegressionMean
{
    /// <summary>Below this share of a diagonal element a pivot is rounding noise of Gram matrices summed in fp32.</summary>
    const double SingularPivot = 1e-6;

    readonly Tensor[] weights;
    readonly double alpha;
    readonly Matrix mean;
    readonly Matrix deviations;
    readonly Matrix grams;

    /// <param name="weights">Wᵢ, each <c>[out, in]</c>.</param>
    /// <param name="alpha">Share α of the off-diagonal elements that is kept.</param>
    public LinearRegressionMean(Tensor[] weights, double alpha)
    {
        var (outputs, inputs) = (weights[0].Shape[0], weights[0].Shape[1]);
        (this.weights, this.alpha) = (weights, alpha);
        (mean, deviations, grams) = (new(outputs, inputs), new(outputs, inputs), new(inputs, inputs));
        foreach (var weight in weights)
        {
            for (var i = 0; i < weight.Length; i++)
                mean.Values[i] += weight.Values[i];
        }
        TensorPrimitives.Divide(mean.Values, weights.Length, mean.Values);
    }

    /// <summary>Takes a model's Gram matrix into account.</summary>
    /// <param name="model">Position of the model's weight.</param>
    /// <param name="gram">Gᵢ, <c>[in, in]</c>.</param>
    public void Add(int model, Matrix gram)
    {
        var deviation = new Matrix(mean.Rows, mean.Columns);
        for (var i = 0; i < deviation.Values.Length; i++)
            deviation.Values[i] = weights[model].Values[i] - mean.Values[i];
        var product = new Matrix(mean.Rows, mean.Columns);
        Matrix.Multiply(deviation, gram, product);
        TensorPrimitives.MultiplyAdd(product.Values, alpha, deviations.Values, deviations.Values);
        TensorPrimitives.MultiplyAdd(gram.Values, alpha, grams.Values, grams.Values);

        // G̃ = αG + (1 − α) diag G.
        var diagonal = new double[gram.Rows];
        for (var i = 0; i < diagonal.Length; i++)
        {
            diagonal[i] = (1 - alpha) * gram[i, i];
            grams[i, i] += diagonal[i];
        }
        for (var row = 0; row < mean.Rows; row++)
            TensorPrimitives.MultiplyAdd(deviation.Row(row), diagonal, deviations.Row(row), deviations.Row(row));
    }

    /// <summary>The merged weight, <c>[out, in]</c>; after every model was added once.</summary>
    public Tensor Solve()
    {
        var average = Enumerable.Range(0, grams.Rows).Average(i => grams[i, i]);
        if (average > 0)
            Factor(average).SolveRows(deviations);
        TensorPrimitives.Add(mean.Values, deviations.Values, deviations.Values);
        var solved = weights[0].Zeros();
        TensorPrimitives.ConvertTruncating<double, float>(deviations.Values, solved.Values);
        return solved;
    }

    Cholesky Factor(double average)
    {
        var ridge = 0.0;
        while (true)
        {
            if (Cholesky.Factor(grams, SingularPivot) is { } factor)
                return factor;
            var larger = ridge == 0 ? SingularPivot * average : 10 * ridge;
            for (var i = 0; i < grams.Rows; i++)
                grams[i, i] += larger - ridge;
            ridge = larger;
        }
    }
}
