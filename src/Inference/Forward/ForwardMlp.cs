using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>The MLP of a forward pass.</summary>
abstract unsafe class ForwardMlp : IDisposable
{
    /// <summary>Transforms every row of the batch.</summary>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="x">Rows, <paramref name="stride"/> apart.</param>
    /// <param name="y">Receives the rows, as far apart.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    public abstract void Apply(Workspace workspace, float* x, float* y, int stride);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Two linear layers with GELU between them.</summary>
sealed unsafe class TwoLayerMlp(Projection up, Projection down) : ForwardMlp
{
    /// <inheritdoc/>
    public override void Apply(Workspace workspace, float* x, float* y, int stride)
    {
        var middle = workspace.Take(Slot.Middle, (long)workspace.Batch.Rows * up.Stride);
        up.Apply<Gelu>(workspace, x, stride, middle);
        down.Apply<Identity>(workspace, middle, up.Stride, y);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        up.Dispose();
        down.Dispose();
    }
}
