using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Kernels;

/// <summary>
/// The weights of one or more linear layers that read the same input, laid out as <see cref="MatrixProduct"/> reads them: panels of 48 outputs, in each of them
/// all outputs of the first input, then of the second, and so on. The last panel is filled up with zeros.
/// </summary>
sealed unsafe class PackedMatrix : IDisposable
{
    /// <summary>Outputs of a panel.</summary>
    public const int Width = 48;

    readonly NativeArray<float> panels;
    readonly NativeArray<float> bias;

    /// <summary>An empty matrix without bias; the caller fills <see cref="Panel"/>.</summary>
    public PackedMatrix(int inputs, int outputs)
    {
        (Inputs, Outputs) = (inputs, outputs);
        panels = new((long)Stride * inputs);
        bias = new(Stride);
        bias.Span(0, Stride).Clear();
    }

    /// <summary>Packs linear layers one after the other.</summary>
    /// <param name="layers">Weights <c>[out, in]</c>, biases <c>[out]</c>, and what both are multiplied by.</param>
    public PackedMatrix(params ReadOnlySpan<(Tensor Weight, Tensor Bias, float Scale)> layers)
        : this(layers[0].Weight.Shape[1], SumOfOutputs(layers))
    {
        var output = 0;
        foreach (var (weight, offset, scale) in layers)
        {
            for (var row = 0; row < offset.Length; row++, output++)
            {
                bias.Start[output] = offset.Values[row] * scale;
                var to = Panel(output / Width) + (output % Width);
                var from = weight.Values.AsSpan(row * Inputs, Inputs);
                for (var i = 0; i < from.Length; i++)
                    to[(nint)i * Width] = from[i] * scale;
            }
        }
        for (; output < Stride; output++)
        {
            var to = Panel(output / Width) + (output % Width);
            for (var i = 0; i < Inputs; i++)
                to[(nint)i * Width] = 0;
        }
    }

    /// <summary>Length of a row that goes in.</summary>
    public int Inputs { get; }

    /// <summary>Length of a row that comes out.</summary>
    public int Outputs { get; }

    /// <summary>Number of panels.</summary>
    public int Panels => (Outputs + Width - 1) / Width;

    /// <summary>Numbers from one row of the result to the next: the outputs, filled up to whole panels.</summary>
    public int Stride => StrideOf(Outputs);

    /// <summary>The bias, filled up with zeros.</summary>
    public float* Bias => bias.Start;

    /// <summary>A panel, <c>[in, 48]</c>.</summary>
    public float* Panel(int number) => panels.Start + ((nint)number * Inputs * Width);

    /// <summary>A length filled up to whole panels.</summary>
    public static int StrideOf(int length) => (length + Width - 1) / Width * Width;

    /// <inheritdoc/>
    public void Dispose()
    {
        panels.Dispose();
        bias.Dispose();
    }

    static int SumOfOutputs(ReadOnlySpan<(Tensor Weight, Tensor Bias, float Scale)> layers)
    {
        var outputs = 0;
        foreach (var layer in layers)
            outputs += layer.Bias.Length;
        return outputs;
    }
}
