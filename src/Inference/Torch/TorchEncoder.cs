using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using TorchSharp;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Inference.Torch;

/// <summary>An encoder that runs on Torch tensors, as it does in training; one thread a call. Safe to use from several threads at once.</summary>
public sealed class TorchEncoder : IEncoder
{
    readonly TorchProgram program;
    readonly ImmutableDictionary<string, TorchTensor> weights;
    readonly int responsesPerPass;

    /// <summary>Copies an encoder's tensors.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="output">What it returns.</param>
    /// <exception cref="PlatformNotSupportedException">libtorch cannot be loaded.</exception>
    public TorchEncoder(EncoderModel model, EncoderOutput output)
    {
        BertTensors.Check(model.Config, model.Shared);
        var graph = new Graph();
        program = new(graph, [model.Build(graph, graph.Input).Pooled(output)]);
        weights = program.Inputs.Except(EncoderGraph.InputsOfARun).ToImmutableDictionary(
            name => name, name => model.TensorOf(name).ToTorch().DetachFromDisposeScope());
        HiddenSize = model.Config.HiddenSize;
        MaxTokens = model.Config.MaxPositions;
        responsesPerPass = model.ResponsesPerPass;
        ReadsExpert = program.Inputs.Contains(EncoderGraph.ExpertInput);
    }

    /// <inheritdoc/>
    public int HiddenSize { get; }

    /// <inheritdoc/>
    public int MaxTokens { get; }

    /// <inheritdoc/>
    public bool ReadsExpert { get; }

    /// <inheritdoc/>
    public int ResponsesSideBySide => 1;

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        if (pooled.Length != responses.Length * HiddenSize)
            throw new ArgumentException($"{responses.Length} responses need {responses.Length * HiddenSize} values, not {pooled.Length}.", nameof(pooled));
        using var inference = torch.inference_mode();
        while (!responses.IsEmpty)
        {
            var count = Math.Min(responses.Length, responsesPerPass);
            using var scope = Libtorch.Scope();
            var batch = TorchBatch.Pad(responses[..count], MaxTokens);
            program.Run(name => batch.ValueOf(name) ?? weights[name])[0].contiguous().Floats().CopyTo(pooled);
            responses = responses[count..];
            pooled = pooled[(count * HiddenSize)..];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        program.Dispose();
        foreach (var weight in weights.Values)
            weight.Dispose();
    }
}
