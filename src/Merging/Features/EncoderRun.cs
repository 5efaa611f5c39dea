using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;

namespace ScoringService.Merging.Features;

/// <summary>An encoder run for any values of its graph, not only for its pooled output.</summary>
sealed class EncoderRun : IDisposable
{
    readonly InferenceSession session;
    readonly int maxTokens;
    readonly Dictionary<string, OrtValue> weights = [];
    readonly string[] outputs;

    /// <summary>Prepares a run.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="graph">The graph it was built into, its tensors as inputs.</param>
    /// <param name="outputs">What a run returns.</param>
    /// <param name="runtime">How it runs.</param>
    public EncoderRun(EncoderModel encoder, Graph graph, IReadOnlyList<Node> outputs, RuntimeOptions runtime)
    {
        maxTokens = encoder.Config.MaxPositions;
        this.outputs = [.. outputs.Select((_, i) => $"output {i}")];
        var model = graph.ToModel(this.outputs.Zip(outputs));
        session = runtime.Open(options => new(model, options)).Session;
        foreach (var name in session.InputNames.Where(name => name is not (EncoderGraph.IdsInput or EncoderGraph.MaskInput or EncoderGraph.ExpertInput)))
        {
            var tensor = encoder.TensorOf(name);
            weights[name] = OrtValue.CreateTensorValueFromMemory(tensor.Values, [.. tensor.Shape.Select(size => (long)size)]);
        }
    }

    /// <summary>Runs the encoder over a batch.</summary>
    /// <returns>The values of each output, row-major.</returns>
    public float[][] Run(ReadOnlySpan<EncoderInput> responses)
    {
        using var batch = TokenBatch.Pad(responses, maxTokens);
        var names = session.InputNames;
        using var options = new RunOptions();
        using var results = session.Run(options, names, [.. names.Select(ValueOf)], outputs);
        return [.. results.Select(result => result.GetTensorDataAsSpan<float>().ToArray())];

        OrtValue ValueOf(string name) => name switch
        {
            EncoderGraph.IdsInput => batch.Ids,
            EncoderGraph.MaskInput => batch.Mask,
            EncoderGraph.ExpertInput => batch.Experts,
            _ => weights[name],
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        session.Dispose();
        foreach (var weight in weights.Values)
            weight.Dispose();
    }
}
