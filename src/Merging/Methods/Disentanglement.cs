using System.Numerics.Tensors;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Methods;

/// <summary>
/// The objective of adaptive weight disentanglement over redundant vectors δ = Σₖ aₖτₖ, written in the coefficients a (algorithm brief §5):
/// L = mean over pairs of |cos(τᵢ − δ, τⱼ − δ)| + α‖δ‖.
/// </summary>
/// <remarks>Every gradient of L is itself a combination of task vectors: descending in a is the same as descending in δ, step by step.</remarks>
/// <param name="gram">Inner products of the task vectors: <c>[tasks, tasks]</c>, at least two tasks.</param>
/// <param name="alpha">Weight α of the norm.</param>
sealed class Disentanglement(Matrix gram, double alpha)
{
    /// <summary>Squared length up to which a difference of task vectors is rounding, and has no direction.</summary>
    readonly double negligible = 1e-14 * Enumerable.Range(0, gram.Rows).Max(i => gram[i, i]);

    /// <summary>Gradient descent from δ = 0.</summary>
    /// <param name="step">Step size β.</param>
    /// <param name="iterations">Number of steps.</param>
    /// <returns>The coefficients a of δ.</returns>
    public double[] Descend(double step, int iterations)
    {
        var shares = new double[gram.Rows];
        for (var i = 0; i < iterations; i++)
            TensorPrimitives.MultiplyAdd(Evaluate(shares).Gradient, -step, shares, shares);
        return shares;
    }

    /// <summary>The objective and its gradient at a redundant vector.</summary>
    /// <param name="shares">Its coefficients a.</param>
    /// <returns>
    /// The mean |cos| over pairs of tasks; ‖δ‖; and the coefficients of ∂L/∂δ. Where a cosine or δ is zero, or a vector has no direction, its part
    /// of the gradient is 0.
    /// </returns>
    public (double Overlap, double Norm, double[] Gradient) Evaluate(ReadOnlySpan<double> shares)
    {
        var count = shares.Length;
        var products = new double[count];
        for (var i = 0; i < count; i++)
            products[i] = TensorPrimitives.Dot(gram.Row(i), shares);
        var square = Math.Max(0, TensorPrimitives.Dot<double>(products, shares));

        var (overlap, pairs) = (0.0, count * (count - 1) / 2);
        var weights = new double[count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < i; j++)
            {
                var (squareI, squareJ) = (Product(i, i), Product(j, j));
                if (squareI <= negligible || squareJ <= negligible)
                    continue;
                var inverse = 1 / Math.Sqrt(squareI * squareJ);
                var cosine = Product(i, j) * inverse;
                var sign = Math.Sign(cosine);
                overlap += Math.Abs(cosine) / pairs;
                weights[i] -= sign * (inverse - (cosine / squareI)) / pairs;
                weights[j] -= sign * (inverse - (cosine / squareJ)) / pairs;
            }
        }

        // Σᵢ wᵢ(τᵢ − δ) + α δ/‖δ‖, with δ written out in task vectors.
        var norm = Math.Sqrt(square);
        var ofRedundant = (norm > 0 ? alpha / norm : 0) - TensorPrimitives.Sum<double>(weights);
        TensorPrimitives.MultiplyAdd(shares, ofRedundant, weights, weights);
        return (overlap, norm, weights);

        double Product(int i, int j) => gram[i, j] - products[i] - products[j] + square;
    }
}
