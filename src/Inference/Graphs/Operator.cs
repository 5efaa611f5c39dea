using System.Collections.Immutable;

namespace ScoringService.Inference.Graphs;

/// <summary>
/// What a graph can compute: the algebra of tensors in which encoders are defined. <see cref="OnnxWriter"/> and <see cref="Torch.TorchProgram"/> are its two
/// interpreters. Attention, normalization and GELU are operators of their own, so that each interpreter takes its best form.
/// </summary>
public abstract record Operator
{
    Operator()
    {
    }

    /// <summary>What it is called in messages and in names of nodes.</summary>
    public string Name => GetType().Name;

    /// <summary>Elementwise sum; shapes broadcast.</summary>
    public sealed record Add : Operator;

    /// <summary>Elementwise difference; shapes broadcast.</summary>
    public sealed record Sub : Operator;

    /// <summary>Elementwise product; shapes broadcast.</summary>
    public sealed record Mul : Operator;

    /// <summary>Elementwise quotient; shapes broadcast.</summary>
    public sealed record Div : Operator;

    /// <summary>max(x, 0).</summary>
    public sealed record Relu : Operator;

    /// <summary>The exact GELU.</summary>
    public sealed record Gelu : Operator;

    /// <summary>Integers as floating-point numbers.</summary>
    public sealed record Cast : Operator;

    /// <summary>Sum over axes, which stay with size 1.</summary>
    /// <param name="Axes">Counted from the outermost, in rising order.</param>
    public sealed record Sum(ImmutableArray<int> Axes) : Operator;

    /// <summary>The same elements under the output's shape.</summary>
    public sealed record Reshape : Operator;

    /// <summary>Repetition along axes of size 1 and new outer axes to the output's shape.</summary>
    public sealed record Expand : Operator;

    /// <summary>The axes in another order.</summary>
    /// <param name="Order">Axis i of the output is axis <c>Order[i]</c> of the input.</param>
    public sealed record Transpose(ImmutableArray<int> Order) : Operator;

    /// <summary>Matrix product of the last two axes; the axes before them broadcast.</summary>
    public sealed record MatMul : Operator;

    /// <summary>A·B, or A·B + c with a third input, of two matrices.</summary>
    /// <param name="TransposeLeft">Whether A comes transposed.</param>
    /// <param name="TransposeRight">Whether B comes transposed.</param>
    public sealed record Gemm(bool TransposeLeft, bool TransposeRight) : Operator;

    /// <summary>The last axis to mean 0 and variance 1, then scaled and shifted.</summary>
    /// <param name="Epsilon">Added to the variance.</param>
    public sealed record LayerNormalization(float Epsilon) : Operator;

    /// <summary>Rows of the first input that the second names.</summary>
    public sealed record Gather : Operator;

    /// <summary>The integers 0, 1, … below a size.</summary>
    /// <param name="Size">The size.</param>
    public sealed record Range(Dimension Size) : Operator;

    /// <summary>A size as an integer.</summary>
    /// <param name="Size">The size.</param>
    public sealed record SizeOf(Dimension Size) : Operator;

    /// <summary>
    /// Multi-head self-attention: softmax(QKᵀ/√d + padding)·V for each head, from query, key and value, <c>[batch*tokens, hidden]</c>, and a mask,
    /// <c>[batch, tokens]</c>.
    /// </summary>
    /// <param name="Heads">Number of heads.</param>
    public sealed record Attention(int Heads) : Operator;
}
