using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>A linear layer in eight bits that is the same for every response.</summary>
sealed unsafe class QuantizedProjection(QuantizedMatrix matrix) : Projection
{
    /// <inheritdoc/>
    public override int Stride => matrix.Stride;

    /// <inheritdoc/>
    public override void Apply<TFinish>(Workspace workspace, float* x, int xStride, float* y)
    {
        var rows = workspace.Batch.Rows;
        var rounded = (byte*)workspace.Take(Slot.Quantized, ((long)rows * matrix.RowBytes / sizeof(float)) + 1);
        var scales = (RowScale*)workspace.Take(Slot.RowScales, (long)rows * sizeof(RowScale) / sizeof(float));
        matrix.Quantize(x, xStride, rows, rounded, scales);
        matrix.Multiply<TFinish>(rounded, scales, rows, y);
    }

    /// <inheritdoc/>
    public override void Dispose() => matrix.Dispose();
}
