using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Diagonal of the Fisher information that responses give about an item model's encoder, as its own head sees it: the mean over responses x of
/// Σ_c p_c(x) (∂ ln p_c(x)/∂θ)², and for independent labels of Σ_l p(∂ ln p)² + (1 − p)(∂ ln(1 − p))² (algorithm brief §4.5).
/// </summary>
/// <remarks>Exact: a backward pass for each response and each of its <see cref="LogitInformation"/> rows; squares are summed in fp64.</remarks>
public static class FisherInformation
{
    const string HeadWeight = "classifier.weight";
    const string Rows = "rows";

    /// <summary>Responses whose gradients public code sums before it squares them.</summary>
    const int PublicCodeBatch = 32;

    /// <summary>Estimates the diagonal.</summary>
    /// <param name="model">The item's model.</param>
    /// <param name="responses">Token ids of each response, without padding; at least one.</param>
    /// <param name="tensors">Names of the encoder tensors to estimate it for.</param>
    /// <param name="runtime">How passes run, one after the other.</param>
    /// <param name="stop">Stops between passes.</param>
    /// <returns>The diagonal by tensor name, each in the tensor's shape.</returns>
    public static IReadOnlyDictionary<string, Tensor> Diagonal(
        ItemModel model, IReadOnlyList<int[]> responses, IReadOnlyList<string> tensors, RuntimeOptions runtime, CancellationToken stop) =>
        MeanSquares(
            model,
            responses.Zip(Logits(model, responses, runtime, stop)).SelectMany(
                response => LogitInformation.Rows(model.Item.Scoring, response.Second).Select(row => new Pass([response.First], row))),
            responses.Count, tensors, runtime, stop);

    /// <summary>
    /// What public code calls the diagonal, to compare with: the gradient of Σ_x Σ_c √p_c ln p_c summed over a batch of 32 responses, then squared,
    /// and the squares divided by the number of responses. Gradients of different responses cancel out in it.
    /// </summary>
    /// <param name="model">The item's model.</param>
    /// <param name="responses">Token ids of each response, without padding; at least one.</param>
    /// <param name="tensors">Names of the encoder tensors to estimate it for.</param>
    /// <param name="runtime">How passes run, one after the other.</param>
    /// <param name="stop">Stops between passes.</param>
    /// <returns>The estimate by tensor name, each in the tensor's shape.</returns>
    public static IReadOnlyDictionary<string, Tensor> OfPublicCode(
        ItemModel model, IReadOnlyList<int[]> responses, IReadOnlyList<string> tensors, RuntimeOptions runtime, CancellationToken stop) =>
        MeanSquares(
            model,
            responses.Zip(Logits(model, responses, runtime, stop)).Chunk(PublicCodeBatch).Select(batch => new Pass(
                Array.ConvertAll(batch, response => response.First),
                [.. batch.SelectMany(response => LogitInformation.PublicCodeRow(model.Item.Scoring, response.Second))])),
            responses.Count, tensors, runtime, stop);

    static Dictionary<string, Tensor> MeanSquares(
        ItemModel model, IEnumerable<Pass> passes, int responses, IReadOnlyList<string> tensors, RuntimeOptions runtime, CancellationToken stop)
    {
        var gradients = tensors.Select(name => GC.AllocateUninitializedArray<float>(model.Encoder[name].Length, pinned: true)).ToArray();
        var sums = Array.ConvertAll(gradients, gradient => new double[gradient.Length]);

        using var session = runtime.Open(options => new(GradientModel(model, tensors), options)).Session;
        using var run = new RunOptions();
        var weights = session.InputNames.Where(model.Encoder.ContainsKey).ToDictionary(name => name, name => Bind(model.Encoder[name]));
        weights.Add(HeadWeight, Bind(model.Head.Weight));
        var outputs = tensors.Select((name, i) => Bind(new(model.Encoder[name].Shape, gradients[i]))).ToArray();
        try
        {
            foreach (var pass in passes)
            {
                stop.ThrowIfCancellationRequested();
                using var batch = TokenBatch.Pad(Array.ConvertAll(pass.Responses, ids => new EncoderInput(ids)), model.Config.MaxPositions);
                using var rows = Bind(new([pass.Responses.Length, model.Head.Labels], pass.Rows));
                var inputs = session.InputNames.Select(name => name switch
                {
                    EncoderGraph.IdsInput => batch.Ids,
                    EncoderGraph.MaskInput => batch.Mask,
                    Rows => rows,
                    _ => weights[name],
                });
                session.Run(run, session.InputNames, [.. inputs], session.OutputNames, outputs);
                for (var i = 0; i < sums.Length; i++)
                    AddSquares(gradients[i], sums[i]);
            }
        }
        finally
        {
            foreach (var value in weights.Values.Concat(outputs))
                value.Dispose();
        }
        return tensors.Select((name, i) => KeyValuePair.Create(
            name, new Tensor(model.Encoder[name].Shape, Array.ConvertAll(sums[i], sum => (float)(sum / responses))))).ToDictionary();
    }

    // The gradient of Σ rows·logits. A head's bias adds the same to every response and has no part in it.
    static byte[] GradientModel(ItemModel model, IReadOnlyList<string> tensors)
    {
        var graph = new Graph();
        var nodes = new Dictionary<string, Node>();
        var weights = EncoderWeights.Declare(model.Config, (name, shape) => nodes[name] = graph.Input(name, shape));
        var pooled = new EncoderGraph(graph, model.Config, weights).Pooled(new());
        var logits = pooled.Gemm(graph.Input(HeadWeight, Shape.Of(model.Head.Weight.Shape)), transposeRight: true);
        var sum = (logits * graph.Input(Rows, logits.Shape)).Sum(0, 1);
        var gradients = Gradients.Of(sum, [.. tensors.Select(name => nodes[name])]);
        return graph.ToModel(tensors.Zip(gradients, (name, gradient) => ($"gradient of {name}", gradient)).ToArray());
    }

    static float[][] Logits(ItemModel model, IReadOnlyList<int[]> responses, RuntimeOptions runtime, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfZero(responses.Count, nameof(responses));
        using var encoder = EncoderSession.Create(model.Config, model.Encoder, new(), runtime);
        return LinearHead.Logits(model.Head, PooledFeatures.Of(encoder, responses, threads: 1, stop)).Values.Chunk(model.Head.Labels).ToArray();
    }

    static OrtValue Bind(Tensor tensor) =>
        OrtValue.CreateTensorValueFromMemory(tensor.Values, [.. tensor.Shape.Select(size => (long)size)]);

    static void AddSquares(ReadOnlySpan<float> gradient, Span<double> sums)
    {
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(gradient);
        var wide = MemoryMarshal.Cast<double, Vector<double>>(sums);
        for (var i = 0; i < vectors.Length; i++)
        {
            Vector.Widen(vectors[i], out var lower, out var upper);
            wide[2 * i] += lower * lower;
            wide[(2 * i) + 1] += upper * upper;
        }
        for (var i = vectors.Length * Vector<float>.Count; i < gradient.Length; i++)
            sums[i] += (double)gradient[i] * gradient[i];
    }

    /// <summary>One backward pass.</summary>
    /// <param name="Responses">Token ids of each response.</param>
    /// <param name="Rows">What the logits are weighted with: <c>[responses, labels]</c>.</param>
    readonly record struct Pass(int[][] Responses, float[] Rows);
}
