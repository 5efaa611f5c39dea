using System.Numerics.Tensors;

namespace ScoringService.Merging.Methods;

/// <summary>Magnitude pruning of one tensor of a task vector (E-WEMoE; algorithm brief §3.1).</summary>
public static class TaskVectorPruning
{
    /// <summary>Whether each value is kept. Nothing is rescaled.</summary>
    /// <param name="values">The values; at least one.</param>
    /// <param name="ratio">Share that is removed, 0 to 1.</param>
    /// <param name="rule">Which values that share is.</param>
    public static bool[] Kept(ReadOnlySpan<float> values, double ratio, PruningRule rule)
    {
        var magnitudes = new float[values.Length];
        TensorPrimitives.Abs(values, magnitudes);
        var kept = new bool[values.Length];
        var sorted = (float[])magnitudes.Clone();
        Array.Sort(sorted);
        if (rule == PruningRule.StrictQuantile)
        {
            var threshold = Quantile(sorted, ratio);
            for (var i = 0; i < kept.Length; i++)
                kept[i] = magnitudes[i] > threshold;
            return kept;
        }

        var removed = (int)(ratio * values.Length);
        if (removed == values.Length)
            return kept;
        var smallest = sorted[removed];
        // Of the values that equal the smallest one kept, the first ones fill what the larger ones leave.
        var places = sorted.Length - removed - magnitudes.AsSpan().CountAbove(smallest);
        for (var i = 0; i < kept.Length; i++)
            kept[i] = magnitudes[i] > smallest || (magnitudes[i] == smallest && places-- > 0);
        return kept;
    }

    static int CountAbove(this Span<float> values, float bound)
    {
        var count = 0;
        foreach (var value in values)
            count += value > bound ? 1 : 0;
        return count;
    }

    static double Quantile(float[] sorted, double ratio)
    {
        var position = ratio * (sorted.Length - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((position - below) * ((double)sorted[above] - sorted[below]));
    }
}
