using System.Collections.Immutable;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Torch;
using TorchSharp;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Merging.Features;

/// <summary>An encoder run for any values of its graph, not only for its pooled output, on one thread a call.</summary>
sealed class EncoderRun : IDisposable
{
    readonly int maxTokens;
    readonly TorchProgram program;
    readonly ImmutableDictionary<string, TorchTensor> weights;

    /// <summary>Prepares a run.</summary>
    /// <param name="encoder">The encoder; its tensors are copied.</param>
    /// <param name="graph">The graph it was built into, its tensors as inputs.</param>
    /// <param name="outputs">What a run returns.</param>
    public EncoderRun(EncoderModel encoder, Graph graph, IReadOnlyList<Node> outputs)
    {
        maxTokens = encoder.Config.MaxPositions;
        program = new(graph, outputs);
        weights = program.Inputs.Except(EncoderGraph.InputsOfARun).ToImmutableDictionary(
            name => name, name => encoder.TensorOf(name).ToTorch().DetachFromDisposeScope());
    }

    /// <summary>Runs the encoder over a batch.</summary>
    /// <returns>The values of each output, row-major.</returns>
    public float[][] Run(ReadOnlySpan<EncoderInput> responses)
    {
        using var inference = torch.inference_mode();
        using var scope = Libtorch.Scope();
        var batch = TorchBatch.Pad(responses, maxTokens);
        return Array.ConvertAll(
            program.Run(name => batch.ValueOf(name) ?? weights[name]), output => output.contiguous().Floats().ToArray());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        program.Dispose();
        foreach (var weight in weights.Values)
            weight.Dispose();
    }
}
