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
/// couplings G of Σ (C₁[i,k] − C₂[j,l])² G[i,j] G[k,l], by exact conditional gradient with closed-form line search (Vayer et al. 2019, alg. 1 and 2).
/// The problem is not convex: clouds with symmetries of their own can end in a local minimum, which further starts may leave.
/// </summary>
public sealed class GromovWasserstein
{
    const double Tolerance = 1e-9;
    const int MaxIterations = 10_000;

    readonly DistanceMatrix x;
    readonly DistanceMatrix y;
    readonly double[] squaresX;
    readonly double[] squaresY;
    readonly double constant;
    readonly OptimalTransport transport;
    readonly Matrix gradient;
    readonly Matrix vertexTimesY;
    readonly Matrix change;

    GromovWasserstein(DistanceMatrix x, DistanceMatrix y)
    {
        (this.x, this.y) = (x, y);
        squaresX = x.RowMeans(TensorPrimitives.SumOfSquares);
        squaresY = y.RowMeans(TensorPrimitives.SumOfSquares);
        constant = TensorPrimitives.Average<double>(squaresX) + TensorPrimitives.Average<double>(squaresY);
        transport = new(x.Size, y.Size);
        (gradient, vertexTimesY, change) = (new(x.Size, y.Size), new(x.Size, y.Size), new(x.Size, y.Size));
    }

    /// <summary>
    /// Compares two clouds by their inner distances. Stops when a step changes the objective by less than 1e-9, absolutely or relatively.
    /// </summary>
    /// <param name="x">Distances within the first cloud, C₁ <c>[n, n]</c>.</param>
    /// <param name="y">Distances within the second cloud, C₂ <c>[m, m]</c>; the clouds need neither the same size nor the same dimension.</param>
    /// <param name="starts">
    /// Couplings to descend from, at least 1; the least objective counts. The first is the product coupling, the second matches the points in the
    /// order of their eccentricity, any further ones are half the product and half a random matching.
    /// </param>
    /// <param name="seed">Seed of the random matchings.</param>
    /// <param name="stop">Ends the search between two steps.</param>
    public static GwResult Distance(DistanceMatrix x, DistanceMatrix y, int starts = 1, int seed = 0, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        ArgumentOutOfRangeException.ThrowIfLessThan(starts, 1);
        var descent = new GromovWasserstein(x, y);
        var best = descent.FromProduct(stop);
        for (var start = 1; start < starts; start++)
        {
            var found = start == 1 ? descent.FromEccentricities(stop) : descent.FromRandom(new Random(unchecked(seed + start)), stop);
            if (found.Distance < best.Distance)
                best = found;
        }
        return best;
    }

    GwResult FromProduct(CancellationToken stop)
    {
        var coupling = Product();
        return Descend(coupling, Outer(x.RowMeans(TensorPrimitives.Sum), y.RowMeans(TensorPrimitives.Sum)), stop);
    }

    GwResult FromEccentricities(CancellationToken stop) => From(Matching(Order(squaresX), Order(squaresY)), stop);

    GwResult FromRandom(Random random, CancellationToken stop)
    {
        int[] rows = [.. Enumerable.Range(0, x.Size)], columns = [.. Enumerable.Range(0, y.Size)];
        random.Shuffle(rows);
        random.Shuffle(columns);
        var coupling = Matching(rows, columns);
        TensorPrimitives.Add(coupling.Values, Product().Values, coupling.Values);
        TensorPrimitives.Divide(coupling.Values, 2, coupling.Values);
        return From(coupling, stop);
    }

    GwResult From(Matrix coupling, CancellationToken stop)
    {
        Matrix right = new(x.Size, y.Size), product = new(x.Size, y.Size);
        Matrix.Multiply(coupling, y.Distances, right);
        Matrix.Multiply(x.Distances, right, product);
        return Descend(coupling, product, stop);
    }

    /// <summary>
    /// Goes down from a coupling G, which is overwritten as is its product C₁·G·C₂: kept, so that a step costs one dense product only.
    /// </summary>
    GwResult Descend(Matrix coupling, Matrix product, CancellationToken stop)
    {
        var objective = constant - (2 * TensorPrimitives.Dot<double>(product.Values, coupling.Values));
        var vertex = new List<TransportedMass>(x.Size + y.Size);
        var iterations = 0;
        double moved;
        do
        {
            stop.ThrowIfCancellationRequested();
            Gradient(product);
            transport.Solve(gradient, vertex);
            vertexTimesY.Values.Clear();
            foreach (var (row, column, mass) in vertex)
                TensorPrimitives.MultiplyAdd(y.Distances.Row(column), mass, vertexTimesY.Row(row), vertexTimesY.Row(row));
            Matrix.Multiply(x.Distances, vertexTimesY, change);
            TensorPrimitives.Subtract(change.Values, product.Values, change.Values);

            var step = LineSearch(coupling, vertex);
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
    double LineSearch(Matrix coupling, List<TransportedMass> vertex)
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
    void Gradient(Matrix product)
    {
        for (var i = 0; i < squaresX.Length; i++)
        {
            var row = gradient.Row(i);
            TensorPrimitives.MultiplyAdd(product.Row(i), -2, squaresY, row);
            TensorPrimitives.Add(row, squaresX[i], row);
        }
    }

    Matrix Product()
    {
        var coupling = new Matrix(x.Size, y.Size);
        coupling.Values.Fill(1.0 / ((double)x.Size * y.Size));
        return coupling;
    }

    /// <summary>The coupling that fills row after row from column after column, both in the order given.</summary>
    static Matrix Matching(int[] rows, int[] columns)
    {
        var coupling = new Matrix(rows.Length, columns.Length);
        foreach (var (row, column, units) in UniformMasses.Match(rows.Length, columns.Length))
            coupling[rows[row], columns[column]] = units / ((double)rows.Length * columns.Length);
        return coupling;
    }

    static int[] Order(double[] values)
    {
        int[] order = [.. Enumerable.Range(0, values.Length)];
        Array.Sort([.. values], order);
        return order;
    }

    static Matrix Outer(double[] left, double[] right)
    {
        var outer = new Matrix(left.Length, right.Length);
        for (var i = 0; i < left.Length; i++)
            TensorPrimitives.Multiply(right, left[i], outer.Row(i));
        return outer;
    }
}
