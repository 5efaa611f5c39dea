using System.Numerics.Tensors;

namespace ScoringService.Merging.Heads;

/// <summary>A function to minimize: returns its value at <paramref name="x"/> and writes its gradient there.</summary>
delegate double Objective(ReadOnlySpan<double> x, Span<double> gradient);

/// <summary>L-BFGS (Nocedal and Wright 2006, alg. 7.4 and 7.5) with backtracking, for smooth convex functions.</summary>
static class LimitedMemoryBfgs
{
    const int Memory = 12;
    const int MaxIterations = 2_000;
    const double SufficientDecrease = 1e-4;

    /// <summary>A step, how the gradient turned along it, and the product of the two.</summary>
    readonly record struct Pair(double[] Step, double[] Turn, double Curvature);

    /// <summary>
    /// Moves <paramref name="x"/> to where no component of the gradient exceeds <paramref name="tolerance"/>, or to where fp64 finds no lower
    /// value.
    /// </summary>
    public static void Minimize(Objective objective, Span<double> x, double tolerance, CancellationToken stop)
    {
        var history = new Queue<Pair>();
        double[] gradient = new double[x.Length], nextGradient = new double[x.Length], next = new double[x.Length], direction = new double[x.Length];
        var value = objective(x, gradient);
        for (var iteration = 0; iteration < MaxIterations && Math.Abs(TensorPrimitives.MaxMagnitude<double>(gradient)) > tolerance; iteration++)
        {
            stop.ThrowIfCancellationRequested();
            Descend(gradient, history, direction);
            var slope = TensorPrimitives.Dot<double>(gradient, direction);
            var length = history.Count == 0 ? 1 / Math.Max(1, TensorPrimitives.Norm<double>(gradient)) : 1.0;
            double nextValue;
            while (true)
            {
                TensorPrimitives.MultiplyAdd(direction, length, x, next);
                nextValue = objective(next, nextGradient);
                if (nextValue <= value + (SufficientDecrease * length * slope))
                    break;
                length /= 2;
                if (length * Math.Abs(slope) < double.Epsilon + (1e-16 * Math.Abs(value)))
                    return;
            }
            Remember(x, next, gradient, nextGradient, history);
            next.CopyTo(x);
            (gradient, nextGradient, value) = (nextGradient, gradient, nextValue);
        }
    }

    /// <summary>−H·g by the two-loop recursion, H the inverse Hessian as the last steps saw it.</summary>
    static void Descend(double[] gradient, Queue<Pair> history, double[] direction)
    {
        TensorPrimitives.Negate(gradient, direction);
        var weights = new Stack<double>();
        foreach (var (step, turn, curvature) in history.Reverse())
        {
            weights.Push(TensorPrimitives.Dot<double>(step, direction) / curvature);
            TensorPrimitives.MultiplyAdd(turn, -weights.Peek(), direction, direction);
        }
        if (history.Count > 0)
        {
            var (_, turn, curvature) = history.Last();
            TensorPrimitives.Multiply(direction, curvature / TensorPrimitives.SumOfSquares<double>(turn), direction);
        }
        foreach (var (step, turn, curvature) in history)
        {
            var correction = weights.Pop() - (TensorPrimitives.Dot<double>(turn, direction) / curvature);
            TensorPrimitives.MultiplyAdd(step, correction, direction, direction);
        }
    }

    static void Remember(ReadOnlySpan<double> x, double[] next, double[] gradient, double[] nextGradient, Queue<Pair> history)
    {
        double[] step = new double[next.Length], turn = new double[next.Length];
        TensorPrimitives.Subtract(next, x, step);
        TensorPrimitives.Subtract(nextGradient, gradient, turn);
        var curvature = TensorPrimitives.Dot<double>(step, turn);
        // Where rounding has eaten the curvature, a pair would make H indefinite.
        if (curvature <= 1e-12 * TensorPrimitives.SumOfSquares<double>(turn))
            return;
        if (history.Count == Memory)
            history.Dequeue();
        history.Enqueue(new Pair(step, turn, curvature));
    }
}
