using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Graphs;

namespace ScoringService.Merging.Tests.Training;

/// <summary>Runs outputs of a graph on numbers given as doubles, whatever the graph's precision.</summary>
sealed class GraphRunner : IDisposable
{
    readonly InferenceSession session;
    readonly ElementType floating;
    readonly string[] names;

    public GraphRunner(Graph graph, params Node[] outputs)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        names = [.. outputs.Select((_, i) => $"output {i}")];
        session = new(graph.ToModel(names.Zip(outputs)), options);
        floating = graph.Floating;
    }

    public double[][] Run(params (string Name, double[] Values, long[] Shape)[] inputs)
    {
        using var run = new RunOptions();
        var used = inputs.Where(input => session.InputMetadata.ContainsKey(input.Name)).ToArray();
        var values = used.Select(input => session.InputMetadata[input.Name].ElementType switch
        {
            var type when type == typeof(long) =>
                OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(input.Values, value => (long)value), input.Shape),
            var type when type == typeof(float) =>
                OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(input.Values, value => (float)value), input.Shape),
            _ => OrtValue.CreateTensorValueFromMemory(input.Values, input.Shape),
        }).ToArray();
        using var results = session.Run(run, [.. used.Select(input => input.Name)], values, names);
        var read = results.Select(result => floating == ElementType.Fp64
            ? result.GetTensorDataAsSpan<double>().ToArray()
            : Array.ConvertAll(result.GetTensorDataAsSpan<float>().ToArray(), value => (double)value)).ToArray();
        foreach (var value in values)
            value.Dispose();
        return read;
    }

    public void Dispose() => session.Dispose();
}
