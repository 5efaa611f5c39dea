using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Torch;
using TorchTensor = TorchSharp.torch.Tensor;

namespace ScoringService.Merging.Training;

/// <summary>A tensor in training: its values, and the gradient of the last step.</summary>
public sealed class Parameter : IDisposable
{
    readonly TorchTensor values;
    TorchTensor? gradient;

    /// <summary>Starts from a copy of a tensor.</summary>
    /// <param name="name">Name in the graph and in the model.</param>
    /// <param name="initial">Values to start from.</param>
    /// <param name="learningRate">Step size at the peak of the schedule.</param>
    public Parameter(string name, Tensor initial, float learningRate)
    {
        Name = name;
        Shape = initial.Shape;
        LearningRate = learningRate;
        values = initial.ToTorch().DetachFromDisposeScope();
    }

    /// <summary>Name in the graph and in the model.</summary>
    public string Name { get; }

    /// <summary>Sizes of its dimensions.</summary>
    public ImmutableArray<int> Shape { get; }

    /// <summary>Step size at the peak of the schedule.</summary>
    public float LearningRate { get; }

    /// <summary>Current values, row-major, in memory that Torch reads.</summary>
    public Span<float> Values => values.Floats();

    /// <summary>Gradient of the last step, row-major; empty before the first.</summary>
    public ReadOnlySpan<float> Gradient => gradient is null ? default : gradient.Floats();

    /// <summary>A copy of the current values.</summary>
    public Tensor ToTensor() => new(Shape, Values.ToArray());

    /// <summary>The values as Torch sees them; every variable collects gradients of its own.</summary>
    internal TorchTensor NewVariable() => values.detach().requires_grad_(true).DetachFromDisposeScope();

    /// <summary>Takes over the gradient of a step.</summary>
    internal void Take(TorchTensor next)
    {
        gradient?.Dispose();
        gradient = next;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        gradient?.Dispose();
        values.Dispose();
    }
}
