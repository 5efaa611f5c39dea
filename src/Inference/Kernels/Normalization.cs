using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Kernels;

/// <summary>A layer normalization of rows whose length is a multiple of sixteen.</summary>
/// <param name="scale">γ.</param>
/// <param name="shift">β.</param>
/// <param name="epsilon">Added to the variance.</param>
sealed unsafe class Normalization(Tensor scale, Tensor shift, float epsilon)
{
    readonly float[] scale = scale.Values;
    readonly float[] shift = shift.Values;

    /// <summary>y = norm(x + added) for all rows; y may be x.</summary>
    /// <param name="x">Rows, <paramref name="stride"/> apart.</param>
    /// <param name="added">Rows to add, as far apart; null for none.</param>
    /// <param name="y">Receives the rows, as far apart.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(float* x, float* added, float* y, int rows, int stride)
    {
        var width = scale.Length;
        fixed (float* gamma = scale, beta = shift)
        {
            for (var row = 0; row < rows; row++, x += stride, y += stride)
            {
                var sum = Vector512<float>.Zero;
                for (var i = 0; i < width; i += Vector512<float>.Count)
                {
                    var value = Vector512.Load(x + i);
                    if (added is not null)
                        value += Vector512.Load(added + i);
                    value.Store(y + i);
                    sum += value;
                }
                var mean = Vector512.Create(Vector512.Sum(sum) / width);
                var squares = Vector512<float>.Zero;
                for (var i = 0; i < width; i += Vector512<float>.Count)
                {
                    var centred = Vector512.Load(y + i) - mean;
                    squares = Vector512.FusedMultiplyAdd(centred, centred, squares);
                }
                var inverse = Vector512.Create(1 / MathF.Sqrt((Vector512.Sum(squares) / width) + epsilon));
                for (var i = 0; i < width; i += Vector512<float>.Count)
                {
                    var centred = (Vector512.Load(y + i) - mean) * inverse;
                    Vector512.FusedMultiplyAdd(centred, Vector512.Load(gamma + i), Vector512.Load(beta + i)).Store(y + i);
                }
                if (added is not null)
                    added += stride;
            }
        }
    }
}
