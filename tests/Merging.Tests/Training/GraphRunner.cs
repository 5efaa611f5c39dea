using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Graphs;
using ScoringService.Inference.Torch;

namespace ScoringService.Merging.Tests.Training;

/// <summary>Runs outputs of a graph in both interpreters, which have to agree, on numbers given as doubles.</summary>
sealed class GraphRunner : IDisposable
{
    readonly InferenceSession session;
    readonly TorchProgram program;
    readonly string[] names;

    public GraphRunner(Graph graph, params Node[] outputs)
    {
        using var options = new SessionOptions { IntraOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        names = [.. outputs.Select((_, i) => $"output {i}")];
        session = new(graph.ToModel(names.Zip(outputs)), options);
        program = new(graph, outputs);
    }

    public double[][] Run(params (string Name, double[] Values, long[] Shape)[] inputs)
    {
        var (onnx, torch) = (RunOnnx(inputs), RunTorch(inputs));
        foreach (var (expected, actual) in onnx.Zip(torch))
        {
            var scale = Math.Max(1, expected.Max(Math.Abs));
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5 * scale));
        }
        return torch;
    }

    public void Dispose()
    {
        session.Dispose();
        program.Dispose();
    }

    double[][] RunOnnx((string Name, double[] Values, long[] Shape)[] inputs)
    {
        using var run = new RunOptions();
        var used = inputs.Where(input => session.InputMetadata.ContainsKey(input.Name)).ToArray();
        var values = used.Select(input => IsInteger(input.Name)
            ? OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(input.Values, value => (long)value), input.Shape)
            : OrtValue.CreateTensorValueFromMemory(Array.ConvertAll(input.Values, value => (float)value), input.Shape)).ToArray();
        using var results = session.Run(run, [.. used.Select(input => input.Name)], values, names);
        var read = results.Select(result => Widened(result.GetTensorDataAsSpan<float>())).ToArray();
        foreach (var value in values)
            value.Dispose();
        return read;
    }

    double[][] RunTorch((string Name, double[] Values, long[] Shape)[] inputs)
    {
        using var scope = Libtorch.Scope();
        var values = inputs.ToDictionary(input => input.Name, input => IsInteger(input.Name)
            ? TorchMemory.Copy(Array.ConvertAll(input.Values, value => (long)value), input.Shape)
            : TorchMemory.Copy(Array.ConvertAll(input.Values, value => (float)value), input.Shape));
        return Array.ConvertAll(program.Run(name => values[name]), output => Widened(output.contiguous().Floats()));
    }

    bool IsInteger(string input) => session.InputMetadata.TryGetValue(input, out var known) && known.ElementType == typeof(long);

    static double[] Widened(ReadOnlySpan<float> values) => Array.ConvertAll(values.ToArray(), value => (double)value);
}
