using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Graphs;

namespace ScoringService.Inference.Encoders;

/// <summary>An encoder that is ready to run. Safe to use from several threads at once.</summary>
public sealed class EncoderSession : IEncoder
{
    const string PooledOutput = "pooled";
    const string MaxTokensKey = "max_tokens";
    const string ResponsesPerPassKey = "responses_per_pass";

    static readonly string[] Outputs = [PooledOutput];

    readonly OpenedSession opened;
    readonly IReadOnlyList<string> inputs;
    readonly ImmutableDictionary<string, OrtValue> weights;
    readonly int responsesPerPass;
    readonly RunOptions run = new();

    EncoderSession(OpenedSession opened, ImmutableDictionary<string, OrtValue> weights)
    {
        (this.opened, this.weights, inputs) = (opened, weights, opened.Session.InputNames);
        var session = opened.Session;
        if (!session.ModelMetadata.CustomMetadataMap.TryGetValue(MaxTokensKey, out var maxTokens))
            throw new InvalidDataException($"The model is not an encoder written by {nameof(EncoderExport)}: it does not say '{MaxTokensKey}'.");
        MaxTokens = int.Parse(maxTokens, CultureInfo.InvariantCulture);
        responsesPerPass = session.ModelMetadata.CustomMetadataMap.TryGetValue(ResponsesPerPassKey, out var perPass)
            ? int.Parse(perPass, CultureInfo.InvariantCulture)
            : int.MaxValue;
        HiddenSize = session.OutputMetadata[PooledOutput].Dimensions[1];
    }

    /// <inheritdoc/>
    public int HiddenSize { get; }

    /// <inheritdoc/>
    public int MaxTokens { get; }

    /// <inheritdoc/>
    public int ResponsesSideBySide => 1;

    /// <inheritdoc/>
    public bool ReadsExpert => inputs.Contains(EncoderGraph.ExpertInput);

    /// <summary>Whether it runs on a GPU.</summary>
    public bool OnCuda => opened.OnCuda;

    /// <summary>Why it runs on the processor although <c>auto</c> looked for a GPU; otherwise null.</summary>
    public string? FallbackReason => opened.FallbackReason;

    /// <summary>An encoder of tensors in memory, which it reads in place.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="tensors">At least the tensors of <see cref="BertTensors"/>.</param>
    /// <param name="output">What it returns.</param>
    /// <param name="runtime">How it runs.</param>
    public static EncoderSession Create(
        BertConfig config, IReadOnlyDictionary<string, Checkpoints.Tensor> tensors, EncoderOutput output, RuntimeOptions runtime) =>
        Create(new StaticEncoder(config, tensors), output, runtime);

    /// <summary>An encoder in memory; its tensors are read in place, and task vectors laid out as the graph needs them.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="output">What it returns.</param>
    /// <param name="runtime">How it runs.</param>
    public static EncoderSession Create(EncoderModel model, EncoderOutput output, RuntimeOptions runtime)
    {
        BertTensors.Check(model.Config, model.Shared);
        // Weights are inputs, bound on every run: as parts of the model the runtime would copy them twice while it opens the session.
        var graph = Model(model, output, (graph, name, shape) => graph.Input(name, shape));
        var opened = runtime.Open(options => new InferenceSession(graph, options));
        var values = opened.Session.InputNames.Except(EncoderGraph.InputsOfARun).ToImmutableDictionary(name => name, name => Value(model.TensorOf(name)));
        return new(opened, values);
    }

    /// <summary>An encoder that <see cref="EncoderExport"/> wrote.</summary>
    /// <param name="graphPath">Its <c>.onnx</c> file; the <c>.safetensors</c> file lies beside it.</param>
    /// <param name="runtime">How it runs.</param>
    /// <exception cref="InvalidCheckpointException">A task vector beside the graph is not what it should be.</exception>
    public static EncoderSession Load(string graphPath, RuntimeOptions runtime)
    {
        var opened = runtime.Open(options => new InferenceSession(graphPath, options));
        try
        {
            // What the graph does not find in the file by itself is stored compactly, and laid out here.
            using var file = SafetensorsFile.Open(Path.ChangeExtension(graphPath, ".safetensors"));
            return new(opened, opened.Session.InputNames.Except(EncoderGraph.InputsOfARun).ToImmutableDictionary(name => name, name =>
                Value(StoredTaskVectors.ReadStack(file, name, opened.Session.InputMetadata[name].Dimensions))));
        }
        catch
        {
            opened.Session.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        if (pooled.Length != responses.Length * HiddenSize)
            throw new ArgumentException($"{responses.Length} responses need {responses.Length * HiddenSize} values, not {pooled.Length}.", nameof(pooled));
        while (!responses.IsEmpty)
        {
            var count = Math.Min(responses.Length, responsesPerPass);
            Pass(responses[..count], pooled[..(count * HiddenSize)]);
            responses = responses[count..];
            pooled = pooled[(count * HiddenSize)..];
        }
    }

    unsafe void Pass(ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        using var batch = TokenBatch.Pad(responses, MaxTokens);
        using var ids = Value(batch.Ids, batch.Responses, batch.Tokens);
        using var mask = Value(batch.Mask, batch.Responses, batch.Tokens);
        using var experts = Value(batch.Experts, batch.Responses);
        fixed (float* memory = pooled)
        {
            using var output = OrtValue.CreateTensorValueWithData(
                OrtMemoryInfo.DefaultInstance, TensorElementType.Float, [responses.Length, HiddenSize], (nint)memory, sizeof(float) * (long)pooled.Length);
            var values = new OrtValue[inputs.Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = inputs[i] switch
                {
                    EncoderGraph.IdsInput => ids,
                    EncoderGraph.MaskInput => mask,
                    EncoderGraph.ExpertInput => experts,
                    var name => weights[name],
                };
            }
            opened.Session.Run(run, inputs, values, Outputs, [output]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        opened.Session.Dispose();
        run.Dispose();
        foreach (var weight in weights.Values)
            weight.Dispose();
    }

    internal static byte[] Model(EncoderModel model, EncoderOutput output, Func<Graph, string, Shape, Node> weight)
    {
        var graph = new Graph();
        var encoder = model.Build(graph, (name, shape) => weight(graph, name, shape));
        return graph.ToModel(
            [(PooledOutput, encoder.Pooled(output))],
            new Dictionary<string, string>
            {
                [MaxTokensKey] = model.Config.MaxPositions.ToString(CultureInfo.InvariantCulture),
                [ResponsesPerPassKey] = model.ResponsesPerPass.ToString(CultureInfo.InvariantCulture),
            });
    }

    static OrtValue Value(ReadOnlyMemory<long> values, params long[] shape) =>
        OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, MemoryMarshal.AsMemory(values), shape);

    static OrtValue Value(Checkpoints.Tensor tensor) =>
        OrtValue.CreateTensorValueFromMemory(tensor.Values, [.. tensor.Shape.Select(size => (long)size)]);
}
