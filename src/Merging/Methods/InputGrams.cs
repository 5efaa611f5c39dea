using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Alignment;
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
        var outputs = layers.Select(entry => (entry.Value[0], (entry.Key * mask).Gemm(entry.Key, transposeLeft: true))).ToArray();
        var opened = runtime.Open(options => new(graph.ToModel(outputs), options));
        using var session = opened.Session;
        var bound = session.InputNames.Where(encoder.ContainsKey).ToDictionary(name => name, name => Bind(encoder[name]));
        try
        {
            foreach (var batch in Batches(responses))
            {
                stop.ThrowIfCancellationRequested();
                Add(session, bound, batch, config.MaxPositions, sums);
            }
        }
        finally
        {
            foreach (var value in bound.Values)
                value.Dispose();
        }

        var tokens = responses.Sum(ids => (double)ids.Length);
        foreach (var sum in sums.Values)
            TensorPrimitives.Divide(sum.Values, tokens, sum.Values);
        return layers.Values.SelectMany(names => names.Select(name => KeyValuePair.Create(name, sums[names[0]]))).ToDictionary();

        List<string> NamesOf(Node input) => CollectionsMarshal.GetValueRefOrAddDefault(layers, input, out _) ??= [];
    }

    static int Width(Node input) => (int)input.Shape[^1].Factor;

    static OrtValue Bind(Tensor tensor) =>
        OrtValue.CreateTensorValueFromMemory(tensor.Values, [.. tensor.Shape.Select(size => (long)size)]);

    static IEnumerable<EncoderInput[]> Batches(IReadOnlyList<int[]> responses)
    {
        var longest = responses.Max(ids => ids.Length);
        return responses.OrderBy(ids => ids.Length).Select(ids => new EncoderInput(ids)).Chunk(Math.Max(1, TokensPerBatch / Math.Max(1, longest)));
    }

    static void Add(
        InferenceSession session, Dictionary<string, OrtValue> weights, EncoderInput[] responses, int maxTokens, Dictionary<string, Matrix> sums)
    {
        using var batch = TokenBatch.Pad(responses, maxTokens);
        using var options = new RunOptions();
        var values = session.InputNames.Select(name => name switch
        {
            EncoderGraph.IdsInput => batch.Ids,
            EncoderGraph.MaskInput => batch.Mask,
            _ => weights[name],
        });
        using var results = session.Run(options, session.InputNames, [.. values], session.OutputNames);
        foreach (var (name, result) in session.OutputNames.Zip(results))
        {
            var sum = sums[name].Values;
            var addend = result.GetTensorDataAsSpan<float>();
            for (var i = 0; i < sum.Length; i++)
                sum[i] += addend[i];
        }
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
