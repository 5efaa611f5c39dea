using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Alignment;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Rounds the weights of linear layers to eight bits so that the errors of an output's weights cancel on real inputs: the steps q that make Σ (w·x − q·x)² over
/// the rows x of some responses small, instead of each weight's own error. Inputs of an encoder are far from independent, which leaves much to cancel.
/// </summary>
/// <remarks>
/// With the Gram matrix G = L·Lᵀ the sum is |Lᵀ(w − q)|²: its terms are fixed from the last to the first, each step being the nearest to what the steps before
/// have left over (Babai 1986, nearest plane; Frantar et al. 2023, GPTQ, do the same by the inverse). The weights that matter most come first.
/// </remarks>
public static class CompensatedRounding
{
    /// <summary>Steps from zero to the largest weight of an output, as the eight-bit kernels count them.</summary>
    public const int Largest = 127;

    // Added to G's diagonal, as a share of its mean: directions that a sample of responses hardly shows still count.
    const double Ridge = 0.01;

    /// <summary>Outputs that are worked on together while a row of L is at hand.</summary>
    const int Block = 8;

    /// <summary>Rounds every linear layer of an encoder.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="encoder">Its tensors, read in place.</param>
    /// <param name="responses">Token ids of responses that show what the layers read; at least one.</param>
    /// <param name="runtime">How the encoder runs.</param>
    /// <param name="stop">Stops between layers.</param>
    /// <returns>
    /// Weights by the name of their layer, without <c>.weight</c>. Each value is a whole number of steps, and each output keeps its largest weight, which says
    /// what a step is worth: rounded once more, to the nearest, they stay what they are.
    /// </returns>
    public static IReadOnlyDictionary<string, Tensor> Of(
        BertConfig config, IReadOnlyDictionary<string, Tensor> encoder, IReadOnlyList<int[]> responses, RuntimeOptions runtime, CancellationToken stop)
    {
        var rounded = new Dictionary<string, Tensor>();
        foreach (var layers in InputGrams.Of(config, encoder, responses, runtime, stop).GroupBy(gram => gram.Value, gram => gram.Key))
        {
            stop.ThrowIfCancellationRequested();
            string[] names = [.. layers];
            foreach (var (name, weight) in names.Zip(Round(layers.Key, [.. names.Select(name => encoder[$"{name}.weight"])])))
                rounded.Add(name, weight);
        }
        return rounded;
    }

    /// <summary>Rounds the weights of layers that read the same.</summary>
    /// <param name="gram">G, <c>[in, in]</c>.</param>
    /// <param name="weights">Their weights, <c>[out, in]</c>.</param>
    internal static ImmutableArray<Tensor> Round(Matrix gram, ImmutableArray<Tensor> weights)
    {
        int[] order = [.. Enumerable.Range(0, gram.Rows).OrderBy(input => gram[input, input])];
        var ordered = new Matrix(gram.Rows, gram.Rows);
        var ridge = Ridge * order.Average(input => gram[input, input]);
        for (var i = 0; i < order.Length; i++)
        {
            for (var j = 0; j < order.Length; j++)
                ordered[i, j] = gram[order[i], order[j]] + (i == j ? ridge : 0);
        }
        // Inputs that are always zero leave nothing to compensate.
        return Cholesky.Factor(ordered, tolerance: 0) is { } factor ? [.. weights.Select(weight => Round(weight, factor, order))] : weights;
    }

    static Tensor Round(Tensor weight, Cholesky factor, int[] order)
    {
        var (outputs, inputs) = (weight.Shape[0], weight.Shape[1]);
        var rounded = new float[weight.Length];
        // Σ Lⱼᵢ(wⱼ − qⱼ) over the terms j that are fixed.
        var left = new Matrix(Block, inputs);
        int[] largest = [.. Enumerable.Range(0, outputs).Select(output => TensorPrimitives.IndexOfMaxMagnitude<float>(weight.Values.AsSpan(output * inputs, inputs)))];
        for (var first = 0; first < outputs; first += Block)
        {
            left.Values.Clear();
            for (var place = inputs - 1; place >= 0; place--)
            {
                var factors = factor.Row(place);
                for (var output = first; output < Math.Min(first + Block, outputs); output++)
                {
                    var row = weight.Values.AsSpan(output * inputs, inputs);
                    var top = row[largest[output]];
                    if (top == 0)
                        continue;
                    var sums = left.Row(output - first);
                    var (input, step) = (order[place], Math.Abs(top) / (double)Largest);
                    var steps = input == largest[output]
                        ? Math.Sign(top) * Largest
                        : Math.Clamp(Math.Round((row[input] + (sums[place] / factors[place])) / step), -Largest, Largest);
                    rounded[(output * inputs) + input] = (float)(steps * step);
                    TensorPrimitives.MultiplyAdd(factors[..place], row[input] - (steps * step), sums[..place], sums[..place]);
                }
            }
        }
        return weight with { Values = rounded };
    }
}
