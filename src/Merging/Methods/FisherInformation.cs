using System.Numerics;
using System.Runtime.InteropServices;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Torch;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Training;
using Tensor = ScoringService.Inference.Checkpoints.Tensor;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Merging.Methods;

/// <summary>
/// Diagonal of the Fisher information that responses give about an item model's encoder, as its own head sees it: the mean over responses x of
/// Σ_c p_c(x) (∂ ln p_c(x)/∂θ)², and for independent labels of Σ_l p(∂ ln p)² + (1 − p)(∂ ln(1 − p))² (algorithm brief §4.5).
/// </summary>
/// <remarks>Exact: a backward pass for each response and each of its <see cref="LogitInformation"/> rows; squares are summed in fp64.</remarks>
public static class FisherInformation
{
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
        var sums = tensors.Select(name => new double[model.Encoder[name].Length]).ToArray();
        using var lifetime = Libtorch.Scope();
        var graph = new Graph();
        using var program = new TorchProgram(graph, [new StaticEncoder(model.Config, model.Encoder).Build(graph, graph.Input).Pooled(new())]);
        var weights = program.Inputs.Where(model.Encoder.ContainsKey).ToDictionary(name => name, name => model.Encoder[name].ToTorch());
        TorchTensor[] variables = [.. tensors.Select(name => weights[name].requires_grad_(true))];
        var head = model.Head.Weight.ToTorch();
        foreach (var pass in passes)
        {
            stop.ThrowIfCancellationRequested();
            using var scope = Libtorch.Scope();
            var batch = TorchBatch.Pad(Array.ConvertAll(pass.Responses, ids => new EncoderInput(ids)), model.Config.MaxPositions);
            var pooled = program.Run(name => batch.ValueOf(name) ?? weights[name])[0];
            // A head's bias adds the same to every response and has no part in the gradient of Σ rows·logits.
            var logits = pooled.mm(head.t());
            var sum = (logits * TorchMemory.Copy(pass.Rows, pass.Responses.Length, model.Head.Labels)).sum();
            sum.backward();
            foreach (var (variable, squares) in variables.Zip(sums))
            {
                AddSquares(variable.grad!.contiguous().Floats(), squares);
                variable.grad = null;
            }
        }
        return tensors.Select((name, i) => KeyValuePair.Create(
            name, new Tensor(model.Encoder[name].Shape, Array.ConvertAll(sums[i], sum => (float)(sum / responses))))).ToDictionary();
    }

    static float[][] Logits(ItemModel model, IReadOnlyList<int[]> responses, RuntimeOptions runtime, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfZero(responses.Count, nameof(responses));
        using var encoder = EncoderEngines.Open(new StaticEncoder(model.Config, model.Encoder), new(), runtime);
        return LinearHead.Logits(model.Head, PooledFeatures.Of(encoder, responses, threads: 1, stop)).Values.Chunk(model.Head.Labels).ToArray();
    }

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
