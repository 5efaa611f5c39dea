using System.Numerics.Tensors;

namespace ScoringService.Merging.Alignment;

/// <summary>What the comparison of two clouds found.</summary>
/// <param name="Distance">
/// Squared-loss objective at the coupling, without factor ½ and without root; at least 0. Unit: squared feature distance.
/// </param>
/// <param name="Coupling">
/// How much of each point of the first cloud corresponds to each of the second: <c>[n, m]</c>, rows sum to 1/n, columns to 1/m.
/// </param>
/// <param name="Iterations">Conditional-gradient steps taken.</param>
public sealed record GwResult(double Distance, Matrix Coupling, int Iterations);

/// <summary>
/// The Gromov-Wasserstein discrepancy of two clouds with uniform weights (Mémoli 2011; Peyré, Cuturi and Solomon 2016, prop. 1): the minimum over
/// couplings G of Σ (C₁[i,k] − C₂[j,l])² G[i,j] G[k,l], by exact conditional gradient from the product coupling with closed-form line search (Vayer
/// et al. 2019, alg. 1 and 2). The problem is not convex: clouds with symmetries of their own can end in a local minimum.
/// </summary>
public static class GromovWasserstein
{
    const double Tolerance = 1e-9;
    const int MaxIterations = 10_000;

    /// <summary>
    /// Compares two clouds by their inner distances. Stops when a step changes the objective by less than 1e-9, absolutely or relatively.
    /// </summary>
    /// <param name="x">Distances within the first cloud, C₁ <c>[n, n]</c>.</param>
    /// <param name="y">Distances within the second cloud, C₂ <c>[m, m]</c>; the clouds need neither the same size nor the same dimension.</param>
    /// <param name="stop">Ends the search between two steps.</param>
    public static GwResult Distance(DistanceMatrix x, DistanceMatrix y, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        int n = x.Size, m = y.Size;
        var squaresX = RowMeans(x, TensorPrimitives.SumOfSquares);
        var squaresY = RowMeans(y, TensorPrimitives.SumOfSquares);
        var constant = TensorPrimitives.Average<double>(squaresX) + TensorPrimitives.Average<double>(squaresY);

        // The coupling G and its product C₁·G·C₂ are both kept, so that a step costs one dense product: that of the new vertex.
        var coupling = new Matrix(n, m);
        coupling.Values.Fill(1.0 / ((double)n * m));
        var product = Outer(RowMeans(x, TensorPrimitives.Sum), RowMeans(y, TensorPrimitives.Sum));
        var objective = constant - (2 * TensorPrimitives.Dot<double>(product.Values, coupling.Values));

        var transport = new OptimalTransport(n, m);
        var vertex = new List<TransportedMass>(n + m);
        Matrix gradient = new(n, m), vertexTimesY = new(n, m), change = new(n, m);
        var iterations = 0;
        double moved;
        do
        {
            stop.ThrowIfCancellationRequested();
            Gradient(squaresX, squaresY, product, gradient);
            transport.Solve(gradient, vertex);
            vertexTimesY.Values.Clear();
            foreach (var (row, column, mass) in vertex)
                TensorPrimitives.MultiplyAdd(y.Distances.Row(column), mass, vertexTimesY.Row(row), vertexTimesY.Row(row));
            Matrix.Multiply(x.Distances, vertexTimesY, change);
            TensorPrimitives.Subtract(change.Values, product.Values, change.Values);

            var step = LineSearch(change, coupling, vertex);
            TensorPrimitives.MultiplyAdd(change.Values, step, product.Values, product.Values);
            TensorPrimitives.Multiply(coupling.Values, 1 - step, coupling.Values);
            foreach (var (row, column, mass) in vertex)
                coupling[row, column] += step * mass;

            var before = objective;
            objective = constant - (2 * TensorPrimitives.Dot<double>(product.Values, coupling.Values));
            moved = Math.Abs(objective - before);
            iterations++;
        }
        while (moved >= Tolerance * Math.Max(1, Math.Abs(objective)) && iterations < MaxIterations);
        return new GwResult(Math.Max(0, objective), coupling, iterations);
    }

    /// <summary>The minimum of the objective, a parabola a·s² + b·s, on the way from the coupling (0) to the vertex (1).</summary>
    static double LineSearch(Matrix change, Matrix coupling, List<TransportedMass> vertex)
    {
        var alongCoupling = TensorPrimitives.Dot<double>(change.Values, coupling.Values);
        var alongVertex = 0.0;
        foreach (var (row, column, mass) in vertex)
            alongVertex += mass * change[row, column];
        var a = -2 * (alongVertex - alongCoupling);
        var b = -4 * alongCoupling;
        return a > 0 ? Math.Clamp(-b / (2 * a), 0, 1) : a + b < 0 ? 1 : 0;
    }

    /// <summary>Half the gradient: mean C₁² of the row plus mean C₂² of the column minus 2·C₁GC₂.</summary>
    static void Gradient(double[] squaresX, double[] squaresY, Matrix product, Matrix gradient)
    {
        for (var i = 0; i < squaresX.Length; i++)
        {
            var row = gradient.Row(i);
            TensorPrimitives.MultiplyAdd(product.Row(i), -2, squaresY, row);
            TensorPrimitives.Add(row, squaresX[i], row);
        }
    }

    static double[] RowMeans(DistanceMatrix distances, Func<ReadOnlySpan<double>, double> sum)
    {
        var means = new double[distances.Size];
        for (var i = 0; i < means.Length; i++)
            means[i] = sum(distances.Distances.Row(i)) / means.Length;
        return means;
    }

    static Matrix Outer(double[] left, double[] right)
    {
        var outer = new Matrix(left.Length, right.Length);
        for (var i = 0; i < left.Length; i++)
            TensorPrimitives.Multiply(right, left[i], outer.Row(i));
        return outer;
    }
}
