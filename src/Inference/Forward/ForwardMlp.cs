using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
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

/// <summary>WEMoE's MLP: both linear layers are blended for each response with the weights that a router gives, exactly (§3).</summary>
sealed unsafe class BlendedMlp(ForwardRouter router, BlendedMatrix up, BlendedMatrix down) : ForwardMlp
{
    /// <inheritdoc/>
    public override void Apply(Workspace workspace, float* x, float* y, int stride)
    {
        var routing = router.Weights(workspace, x, stride);
        var middle = workspace.Take(Slot.Middle, (long)workspace.Batch.Rows * up.Stride);
        up.Apply<Gelu>(workspace, routing, x, stride, middle);
        down.Apply<Identity>(workspace, routing, middle, up.Stride, y);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        router.Dispose();
        up.Dispose();
        down.Dispose();
    }
}

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
        float* outputs = null;
        if (output is not null)
        {
            if (hidden is not null)
            {
                var inner = workspace.Take(Slot.Middle, (long)batch.Rows * hidden.Stride);
                MatrixProduct.Multiply<Relu>(x, stride, batch.Rows, hidden, inner, hidden.Stride);
                x = inner;
                stride = hidden.Stride;
            }
            outputs = workspace.Take(Slot.Inner, (long)batch.Rows * output.Stride);
            MatrixProduct.Multiply<Identity>(x, stride, batch.Rows, output, outputs, output.Stride);
        }
        for (var place = 0; place < batch.Responses; place++)
        {
            var to = weights + ((nint)place * Stride);
            to[0] = 1;
            for (var expert = 0; expert < constant.Length; expert++)
                to[expert + 1] = outputs is null ? constant[expert] : Mean(outputs + ((nint)batch.Start(place) * output!.Stride) + expert, batch.Tokens(place));
        }
        return weights;

        float Mean(float* column, int tokens)
        {
            var sum = 0f;
            for (var token = 0; token < tokens; token++)
                sum += column[(nint)token * output!.Stride];
            return sum / tokens;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        hidden?.Dispose();
        output?.Dispose();
    }

    static float[] Told(Tensor weight, float[] encoding)
    {
        var told = new float[weight.Shape[0]];
        for (var row = 0; row < told.Length; row++)
            told[row] = System.Numerics.Tensors.TensorPrimitives.Dot(weight.Values.AsSpan(row * encoding.Length, encoding.Length), encoding);
        return told;
    }

    static Tensor Plus(Tensor bias, float[]? told) => told is null ? bias : bias with { Values = [.. bias.Values.Zip(told, (a, b) => a + b)] };
}

/// <summary>A linear layer that is blended for each response: θ₀ + Σᵢ wᵢτᵢ.</summary>
/// <remarks>
/// Blending is itself a product of the routing weights with stacked weights: for each input, a small panel of the shared weight and all task vectors. A part
/// of a panel, 96 inputs deep, is blended for eight responses and used at once, while it lies in the second-level cache; nothing is ever blended as a whole.
/// The floor: a response costs as many multiply-adds for blending as 1 + experts tokens do for the product.
/// </remarks>
sealed unsafe class BlendedMatrix : IDisposable
{
    const int Depth = 96;

    readonly int inputs;
    readonly int panels;
    readonly int members;
    // [panels, in, 1 + experts, 48]
    readonly NativeArray<float> stack;
    // [panels, 1 + experts, 48]
    readonly NativeArray<float> biases;

    /// <summary>Stacks a linear layer and its task vectors.</summary>
    /// <param name="weight">θ₀'s weight, <c>[out, in]</c>.</param>
    /// <param name="bias">θ₀'s bias, <c>[out]</c>.</param>
    /// <param name="weights">Task vectors of the weight.</param>
    /// <param name="taskBiases">Task vectors of the bias.</param>
    public BlendedMatrix(Tensor weight, Tensor bias, ImmutableArray<TaskVector> weights, ImmutableArray<TaskVector> taskBiases)
    {
        (inputs, members) = (weight.Shape[1], weights.Length + 1);
        var outputs = bias.Length;
        Stride = PackedMatrix.StrideOf(outputs);
        panels = Stride / PackedMatrix.Width;
        (stack, biases) = (new((long)Stride * inputs * members), new((long)Stride * members));
        new Span<float>(biases.Start, Stride * members).Clear();
        for (var panel = 0; panel < panels; panel++)
            stack.Span((long)panel * inputs * members * PackedMatrix.Width, inputs * members * PackedMatrix.Width).Clear();
        Stack(0, weight.Values, bias.Values);
        var (denseWeight, denseBias) = (new float[weight.Length], new float[bias.Length]);
        for (var expert = 0; expert < weights.Length; expert++)
        {
            weights[expert].CopyTo(denseWeight);
            taskBiases[expert].CopyTo(denseBias);
            Stack(expert + 1, denseWeight, denseBias);
        }

        void Stack(int member, float[] values, float[] offsets)
        {
            for (var output = 0; output < outputs; output++)
            {
                var (panel, column) = Math.DivRem(output, PackedMatrix.Width);
                var to = stack.Start + ((((nint)panel * inputs * members) + member) * PackedMatrix.Width) + column;
                for (var i = 0; i < inputs; i++)
                    to[(nint)i * members * PackedMatrix.Width] = values[(output * inputs) + i];
                biases.Start[(((panel * members) + member) * PackedMatrix.Width) + column] = offsets[output];
            }
        }
    }

    /// <summary>Numbers from one row of the result to the next.</summary>
    public int Stride { get; }

    /// <summary>y = f(x·W(r)ᵀ + b(r)) for every row of every response r.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="routing">Routing weights, <c>[responses, 1 + experts]</c>.</param>
    /// <param name="x">Rows, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Numbers from one row of x to the next.</param>
    /// <param name="y">Receives the rows, <see cref="Stride"/> apart.</param>
    public void Apply<TFinish>(Workspace workspace, float* routing, float* x, int xStride, float* y)
        where TFinish : IFinish
    {
        const int width = PackedMatrix.Width;
        var batch = workspace.Batch;
        var blended = workspace.Take(Slot.Blended, WeightBlend.ResponsesAtATime * (Depth + 1) * width);
        var blendedBias = blended + (WeightBlend.ResponsesAtATime * Depth * width);
        for (var panel = 0; panel < panels; panel++)
        {
            for (var input = 0; input < inputs; input += Depth)
            {
                var depth = Math.Min(Depth, inputs - input);
                var last = input + depth == inputs;
                for (var place = 0; place < batch.Responses; place += WeightBlend.ResponsesAtATime)
                {
                    var responses = Math.Min(WeightBlend.ResponsesAtATime, batch.Responses - place);
                    var weights = routing + ((nint)place * members);
                    var part = stack.Start + ((((nint)panel * inputs) + input) * members * width);
                    WeightBlend.Blend(weights, members, responses, part, depth, blended, Depth * width);
                    if (input == 0)
                        WeightBlend.Blend(weights, members, responses, biases.Start + ((nint)panel * members * width), 1, blendedBias, width);
                    for (var response = 0; response < responses; response++)
                    {
                        var start = input == 0 ? blendedBias + (response * width) : null;
                        Multiply<TFinish>(batch, place + response, blended + (response * Depth * width), x + input, xStride, depth, start, last, y + (panel * width));
                    }
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stack.Dispose();
        biases.Dispose();
    }

    void Multiply<TFinish>(RaggedBatch batch, int place, float* part, float* x, int xStride, int depth, float* start, bool last, float* y)
        where TFinish : IFinish
    {
        var (row, end) = (batch.Start(place), batch.Start(place) + batch.Tokens(place));
        for (; row < end; row += MatrixProduct.RowsAtATime)
        {
            var rows = Math.Min(MatrixProduct.RowsAtATime, end - row);
            var to = y + ((nint)row * Stride);
            MatrixProduct.Sum(new(x + ((nint)row * xStride), xStride, part, depth), default, start, rows, to, Stride);
            if (last)
                MatrixProduct.Finish<TFinish>(to, Stride, rows);
        }
    }
}
