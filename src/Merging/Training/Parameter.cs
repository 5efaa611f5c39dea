using System.Collections.Immutable;
using Microsoft.ML.OnnxRuntime;
using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Training;

/// <summary>A tensor in training: its values and its gradient, in buffers that the runtime reads and writes in place, step after step.</summary>
public sealed class Parameter : IDisposable
{
    
    /// <summary>Starts from a copy of a tensor.</summary>
    /// <param name="name">Name in the graph and in the model.</param>
    /// <param name="initial">Values to start from.</param>
    /// <param name="learningRate">Step size at the peak of the schedule.</param>
    public Parameter(string name, Tensor initial, float learningRate)
    {
        (Name, Shape, LearningRate) = (name, initial.Shape, learningRate);
        Values = GC.AllocateUninitializedArray<float>(initial.Length, pinned: true);
        Gradient = GC.AllocateUninitializedArray<float>(initial.Length, pinned: true);
        initial.Values.CopyTo(Values, 0);
        ValuesInput = Bind(Values);
        GradientOutput = Bind(Gradient);
    }

    /// <summary>Name in the graph and in the model.</summary>
    public string Name { get; }

    /// <summary>Sizes of its dimensions.</summary>
    public ImmutableArray<int> Shape { get; }

    /// <summary>Step size at the peak of the schedule.</summary>
    public float LearningRate { get; }

    /// <summary>Current values, row-major.</summary>
    public float[] Values { get; }

    /// <summary>Gradient of the last step, row-major.</summary>
    public float[] Gradient { get; }

    internal OrtValue ValuesInput { get; }

    internal OrtValue GradientOutput { get; }

    /// <summary>A copy of the current values.</summary>
    public Tensor ToTensor() => new(Shape, [.. Values]);

    /// <inheritdoc/>
    public void Dispose()
    {
        ValuesInput.Dispose();
        GradientOutput.Dispose();
    }

    OrtValue Bind(float[] buffer) => OrtValue.CreateTensorValueFromMemory(buffer, [.. Shape.Select(size => (long)size)]);
}
