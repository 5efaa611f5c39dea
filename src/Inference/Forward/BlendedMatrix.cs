using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

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

    /// <summary>y = f(x·W(r)ᵀ + b(r)) for every row of some responses r.</summary>
    /// <typeparam name="TFinish">f.</typeparam>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="from">Place of the first response.</param>
    /// <param name="to">Place after the last.</param>
    /// <param name="routing">Routing weights, <c>[responses, 1 + experts]</c>.</param>
    /// <param name="x">Rows, <paramref name="xStride"/> apart.</param>
    /// <param name="xStride">Numbers from one row of x to the next.</param>
    /// <param name="y">Receives the rows, <see cref="Stride"/> apart.</param>
    public void Apply<TFinish>(Workspace workspace, int from, int to, float* routing, float* x, int xStride, float* y)
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
                for (var place = from; place < to; place += WeightBlend.ResponsesAtATime)
                {
                    var responses = Math.Min(WeightBlend.ResponsesAtATime, to - place);
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
