using System.Runtime.InteropServices;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Features;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Gram matrices of what the linear layers of an encoder read, G = (1/n) Σ x xᵀ over the n tokens of some responses, padding left out (algorithm
/// brief §4.6).
/// </summary>
/// <remarks>
/// A batch of at most 1024 tokens is summed in fp32 by the forward pass itself, the batches in fp64. The relative rounding of a sum, about 1e-6, is
/// far below what shrinking or a ridge adds to the diagonal.
/// </remarks>
public static class InputGrams
{
    const int TokensPerBatch = 1024;

    /// <summary>Runs an encoder over responses.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="encoder">Its tensors, read in place.</param>
    /// <param name="responses">Token ids of each response, without padding; at least one.</param>
    /// <param name="runtime">How the encoder runs; batches run one after the other.</param>
    /// <param name="stop">Stops between batches.</param>
    /// <returns>
    /// G by the name of the layer, without <c>.weight</c>: <c>[in, in]</c>. Layers that read the same share one matrix.
    /// </returns>
    public static IReadOnlyDictionary<string, Matrix> Of(
        BertConfig config, IReadOnlyDictionary<string, Tensor> encoder, IReadOnlyList<int[]> responses, RuntimeOptions runtime,
        CancellationToken stop)
    {
        BertTensors.Check(config, encoder);
        ArgumentOutOfRangeException.ThrowIfZero(responses.Count, nameof(responses));
        var graph = new Graph();
        var layers = new Dictionary<Node, List<string>>();
        var weights = EncoderWeights.Declare(config, graph.Input, (name, linear) => new Observed(linear, input => NamesOf(input).Add(name)));
        var model = new EncoderGraph(graph, config, weights);
        model.HiddenState(-1);

        var mask = model.Mask.Reshape([(Dimension)"batch" * "tokens", 1]);
        var sums = layers.ToDictionary(entry => entry.Value[0], entry => new Matrix(Width(entry.Key), Width(entry.Key)));
        var outputs = layers.Keys.Select(input => (input * mask).Gemm(input, transposeLeft: true)).ToArray();
        using var run = new EncoderRun(new StaticEncoder(config, encoder), graph, outputs);
        foreach (var batch in Batches(responses))
        {
            stop.ThrowIfCancellationRequested();
            foreach (var (sum, addend) in layers.Values.Select(names => sums[names[0]]).Zip(run.Run(batch)))
                Add(sum, addend);
        }

        var tokens = responses.Sum(ids => (double)ids.Length);
        foreach (var sum in sums.Values)
            TensorPrimitives.Divide(sum.Values, tokens, sum.Values);
        return layers.Values.SelectMany(names => names.Select(name => KeyValuePair.Create(name, sums[names[0]]))).ToDictionary();

        List<string> NamesOf(Node input) => CollectionsMarshal.GetValueRefOrAddDefault(layers, input, out _) ??= [];
    }

    static int Width(Node input) => (int)input.Shape[^1].Factor;

    static IEnumerable<EncoderInput[]> Batches(IReadOnlyList<int[]> responses)
    {
        var longest = responses.Max(ids => ids.Length);
        return responses.OrderBy(ids => ids.Length).Select(ids => new EncoderInput(ids)).Chunk(Math.Max(1, TokensPerBatch / Math.Max(1, longest)));
    }

    static void Add(Matrix sum, float[] addend)
    {
        for (var i = 0; i < addend.Length; i++)
            sum.Values[i] += addend[i];
    }

    sealed class Observed(Linear linear, Action<Node> reads) : ILinear
    {
        public Node Apply(Node x)
        {
            reads(x);
            return linear.Apply(x);
        }
    }
}
