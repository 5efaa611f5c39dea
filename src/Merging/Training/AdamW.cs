using System.Collections.Immutable;
using System.Numerics;
using System.Numerics.Tensors;

namespace ScoringService.Merging.Training;

/// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), on gradients clipped to a global norm.</summary>
/// <remarks>Bits do not depend on the number of threads: every element is updated on its own, and norms are summed in a fixed order.</remarks>
public sealed class AdamW
{
    const float Beta1 = .9f;
    const float Beta2 = .999f;
    const float Epsilon = 1e-8f;

    // Small enough to spread a large tensor over threads, large enough to be worth handing out.
    const int ChunkLength = 1 << 16;

    readonly ImmutableArray<Moments> moments;
    readonly ImmutableArray<Slice> slices;
    readonly float weightDecay;
    readonly float clipNorm;
    readonly ParallelOptions parallel;

    /// <summary>Prepares training.</summary>
    /// <param name="parameters">What is trained; each at its own learning rate.</param>
    /// <param name="weightDecay">λ: what a step at learning rate 1 takes off every value, as a fraction of it.</param>
    /// <param name="clipNorm">Gradients whose joint Euclidean norm is larger are scaled down to it.</param>
    /// <param name="threads">Threads that work on an update; 0 for all.</param>
    public AdamW(IReadOnlyList<Parameter> parameters, float weightDecay, float clipNorm, int threads = 0)
    {
        this.weightDecay = weightDecay;
        this.clipNorm = clipNorm;
        moments = [.. parameters.Select(parameter => new Moments(parameter))];
        slices = [.. moments.SelectMany(Slices)];
        parallel = new() { MaxDegreeOfParallelism = threads == 0 ? -1 : threads };
    }

    /// <summary>Steps taken.</summary>
    internal int Steps { get; set; }

    /// <summary>What a next step depends on besides the parameters' values and <see cref="Steps"/>.</summary>
    internal ImmutableArray<Moments> State => moments;

    /// <summary>Moves every parameter by its gradient.</summary>
    /// <param name="rate">What learning rates are multiplied by in this step: the schedule.</param>
    /// <returns>Joint norm of the gradients before clipping.</returns>
    public float Step(float rate)
    {
        Steps++;
        var norm = GradientNorm();
        var clip = MathF.Min(1, clipNorm / (norm + 1e-6f));
        var (correction1, correction2) = (1 - Math.Pow(Beta1, Steps), 1 - Math.Pow(Beta2, Steps));
        Parallel.ForEach(slices, parallel, slice =>
        {
            var step = slice.Parameter.LearningRate * rate;
            Update(
                slice.Values, slice.Gradient, slice.FirstMoment, slice.SecondMoment,
                clip, keep: 1 - step * weightDecay, step: (float)(step / correction1), correction: (float)(1 / Math.Sqrt(correction2)));
        });
        return norm;
    }

    float GradientNorm()
    {
        var squares = 0.0;
        foreach (var slice in slices)
            squares += TensorPrimitives.SumOfSquares(slice.Gradient);
        return (float)Math.Sqrt(squares);
    }

    static void Update(
        Span<float> values, ReadOnlySpan<float> gradient, Span<float> first, Span<float> second, float clip, float keep, float step, float correction)
    {
        var i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            var g = new Vector<float>(gradient[i..]) * clip;
            var m = new Vector<float>(first[i..]) * Beta1 + g * (1 - Beta1);
            var v = new Vector<float>(second[i..]) * Beta2 + g * g * (1 - Beta2);
            var moved = new Vector<float>(values[i..]) * keep - m * step / (Vector.SquareRoot(v) * correction + new Vector<float>(Epsilon));
            m.CopyTo(first[i..]);
            v.CopyTo(second[i..]);
            moved.CopyTo(values[i..]);
        }
        for (; i < values.Length; i++)
        {
            var g = gradient[i] * clip;
            first[i] = first[i] * Beta1 + g * (1 - Beta1);
            second[i] = second[i] * Beta2 + g * g * (1 - Beta2);
            values[i] = values[i] * keep - first[i] * step / (MathF.Sqrt(second[i]) * correction + Epsilon);
        }
    }

    static IEnumerable<Slice> Slices(Moments moments)
    {
        for (var start = 0; start < moments.First.Length; start += ChunkLength)
            yield return new(moments.Parameter, moments.First, moments.Second, start, Math.Min(ChunkLength, moments.First.Length - start));
    }

    /// <summary>A parameter's running means.</summary>
    internal sealed class Moments(Parameter parameter)
    {
        public Parameter Parameter => parameter;

        /// <summary>Of the gradient.</summary>
        public float[] First { get; } = new float[parameter.Values.Length];

        /// <summary>Of its square.</summary>
        public float[] Second { get; } = new float[parameter.Values.Length];
    }

    sealed record Slice(Parameter Parameter, float[] First, float[] Second, int Start, int Length)
    {
        public Span<float> Values => Parameter.Values.Slice(Start, Length);

        public ReadOnlySpan<float> Gradient => Parameter.Gradient.Slice(Start, Length);

        public Span<float> FirstMoment => First.AsSpan(Start, Length);

        public Span<float> SecondMoment => Second.AsSpan(Start, Length);
    }
}
