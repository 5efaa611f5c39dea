using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Inference.Forward;

/// <summary>From the rows of each response to one weight for each expert: the mean over its tokens of the router's output.</summary>
sealed unsafe class ForwardRouter : IDisposable
{
    readonly PackedMatrix? hidden;
    readonly PackedMatrix? output;
    readonly float[] constant;

    /// <summary>Packs the router of a layer.</summary>
    /// <param name="layout">How it is built.</param>
    /// <param name="tensors">Tensors of all routers.</param>
    /// <param name="layer">The layer, from 0.</param>
    public ForwardRouter(RouterLayout layout, IReadOnlyDictionary<string, Tensor> tensors, int layer)
    {
        var name = layout.Name(layer, RoutedModule.Mlp);
        constant = tensors[$"{name}.1.bias"].Values;
        if (layout.Depth == 0)
            return;
        var told = layout.LayerEncoding ? Told(tensors[$"{name}.layer.weight"], RouterLayout.Encoding(layer)) : null;
        if (layout.Depth == 2)
            hidden = new((tensors[$"{name}.0.weight"], Plus(tensors[$"{name}.0.bias"], told), 1f));
        output = new((tensors[$"{name}.1.weight"], layout.Depth == 1 ? Plus(tensors[$"{name}.1.bias"], told) : tensors[$"{name}.1.bias"], 1f));
    }

    /// <summary>Numbers from the weights of one response to those of the next: the shared weights' one, then an expert's each.</summary>
    public int Stride => constant.Length + 1;

    /// <summary>The routing weights of every response.</summary>
    /// <returns>Shape <c>[responses, 1 + experts]</c>; the first is one, for the shared weights.</returns>
    public float* Weights(Workspace workspace, float* x, int stride)
    {
        var batch = workspace.Batch;
        var weights = workspace.Take(Slot.Routing, (long)batch.Responses * Stride);
        var outputs = output is null ? null : Outputs(workspace, x, stride);
        for (var place = 0; place < batch.Responses; place++)
        {
            var to = weights + ((nint)place * Stride);
            to[0] = 1;
            for (var expert = 0; expert < constant.Length; expert++)
                to[expert + 1] = outputs is null ? constant[expert] : outputs[((nint)place * output!.Stride) + expert];
        }
        return weights;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        hidden?.Dispose();
        output?.Dispose();
    }

    /// <summary>The router's mean output. Its last layer is linear, so that the mean is taken before it: a row a response instead of a row a token.</summary>
    float* Outputs(Workspace workspace, float* x, int stride)
    {
        var batch = workspace.Batch;
        if (hidden is not null)
        {
            var inner = workspace.Take(Slot.Middle, (long)batch.Rows * hidden.Stride);
            MatrixProduct.Multiply<Relu>(x, stride, batch.Rows, hidden, inner, hidden.Stride);
            x = inner;
            stride = hidden.Stride;
        }
        var means = workspace.Take(Slot.Means, (long)batch.Responses * stride);
        for (var place = 0; place < batch.Responses; place++)
        {
            var mean = new Span<float>(means + ((nint)place * stride), stride);
            var first = x + ((nint)batch.Start(place) * stride);
            new ReadOnlySpan<float>(first, stride).CopyTo(mean);
            for (var token = 1; token < batch.Tokens(place); token++)
                TensorPrimitives.Add(mean, new ReadOnlySpan<float>(first + ((nint)token * stride), stride), mean);
            TensorPrimitives.Divide(mean, batch.Tokens(place), mean);
        }
        var outputs = workspace.Take(Slot.RouterOutputs, (long)batch.Responses * output!.Stride);
        MatrixProduct.Multiply<Identity>(means, stride, batch.Responses, output, outputs, output.Stride);
        return outputs;
    }

    static float[] Told(Tensor weight, float[] encoding)
    {
        var told = new float[weight.Shape[0]];
        for (var row = 0; row < told.Length; row++)
            told[row] = TensorPrimitives.Dot(weight.Values.AsSpan(row * encoding.Length, encoding.Length), encoding);
        return told;
    }

    static Tensor Plus(Tensor bias, float[]? told) => told is null ? bias : bias with { Values = [.. bias.Values.Zip(told, (a, b) => a + b)] };
}
