using System.Numerics.Tensors;
using ScoringService.Inference.Scoring;

namespace ScoringService.Merging.Methods;

/// <summary>
/// What a response tells about the parameters θ, in terms of its logits z: rows v such that the diagonal of the Fisher information is the sum of
/// (v·∂z/∂θ)² over rows. With it a gradient of one sum over logits, Σ v z, is all that has to be computed of the network.
/// </summary>
static class LogitInformation
{
    /// <summary>
    /// Rows of one response. For classes Σ_c p_c (∂ ln p_c)² = ∂zᵀ (diag p − p pᵀ) ∂z, and the rows are the columns of that matrix's Cholesky factor,
    /// one fewer than classes; for independent labels Σ_l p(∂ ln p)² + (1 − p)(∂ ln(1 − p))² = Σ_l p_l (1 − p_l) (∂z_l)², one row a label.
    /// </summary>
    /// <param name="scoring">Whether exactly one label holds.</param>
    /// <param name="logits">One per label.</param>
    public static float[][] Rows(ScoringKind scoring, ReadOnlySpan<float> logits)
    {
        if (scoring == ScoringKind.MultiClass)
        {
            var p = Classes(logits);
            return [.. Enumerable.Range(0, p.Length - 1).Select(k => ClassAgainstLater(p, k))];
        }
        var (present, absent) = Labels(logits);
        return [.. present.Select((_, label) => Row(present.Length, other => other == label ? Math.Sqrt(present[label] * absent[label]) : 0))];
    }

    /// <summary>
    /// The one row that public code takes: ∂/∂z of Σ_c √p_c ln p_c with √p_c held fixed, and for independent labels the same sum over each label and
    /// its absence.
    /// </summary>
    /// <param name="scoring">Whether exactly one label holds.</param>
    /// <param name="logits">One per label.</param>
    public static float[] PublicCodeRow(ScoringKind scoring, ReadOnlySpan<float> logits)
    {
        if (scoring == ScoringKind.MultiClass)
        {
            var p = Classes(logits);
            var roots = p.Sum(Math.Sqrt);
            return Row(p.Length, label => Math.Sqrt(p[label]) - (roots * p[label]));
        }
        var (present, absent) = Labels(logits);
        return Row(present.Length, label => (Math.Sqrt(present[label]) * absent[label]) - (Math.Sqrt(absent[label]) * present[label]));
    }

    // Column k of the factor. What is left is summed up, not 1 − Σp: a sure model's small probabilities would cancel out.
    static float[] ClassAgainstLater(double[] p, int k)
    {
        var later = p.Skip(k + 1).Sum();
        var length = Math.Sqrt(p[k] * later / (p[k] + later));
        return Row(p.Length, other => other < k || later == 0 ? 0 : other == k ? length : -length * p[other] / later);
    }

    static double[] Classes(ReadOnlySpan<float> logits)
    {
        var p = Wide(logits);
        TensorPrimitives.Subtract(p, TensorPrimitives.Max<double>(p), p);
        TensorPrimitives.SoftMax(p, p);
        return p;
    }

    static (double[] Present, double[] Absent) Labels(ReadOnlySpan<float> logits)
    {
        var (present, absent) = (Wide(logits), Wide(logits));
        TensorPrimitives.Negate<double>(absent, absent);
        TensorPrimitives.Sigmoid(absent, absent);
        TensorPrimitives.Sigmoid(present, present);
        return (present, absent);
    }

    static double[] Wide(ReadOnlySpan<float> values)
    {
        var wide = new double[values.Length];
        TensorPrimitives.ConvertTruncating(values, wide);
        return wide;
    }

    static float[] Row(int labels, Func<int, double> value) => [.. Enumerable.Range(0, labels).Select(label => (float)value(label))];
}
