using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Batching;
using ScoringService.Inference.Encoders;

namespace ScoringService.Inference.Scoring;

/// <summary>How a bundle is served.</summary>
public sealed record ServingOptions
{
    /// <summary>
    /// Where encoders run. With 0 threads for a forward pass it takes the processors that the executors leave it: one, unless there are
    /// fewer executors than processors.
    /// </summary>
    public RuntimeOptions Runtime { get; init; } = new();

    /// <summary>What runs encoders on the processor. Default <c>auto</c>.</summary>
    public ServingEngine Engine { get; init; } = ServingEngine.Auto;

    /// <summary>Threads that run encoders, each one forward pass at a time. Default: one per processor.</summary>
    [Range(1, 1024)] public int Executors { get; init; } = Environment.ProcessorCount;

    /// <summary>How responses become batches, and how many may wait.</summary>
    public QueueOptions Queue { get; init; } = new();

    /// <summary>When a person should look at a score.</summary>
    public ReviewOptions Review { get; init; } = new();
}

/// <summary>What runs encoders on the processor.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ServingEngine>))]
public enum ServingEngine
{
    /// <summary>Our own kernels for encoders they know, where the processor has vectors of 512 bits; otherwise ONNX Runtime.</summary>
    [JsonStringEnumMemberName("auto")] Auto,

    /// <summary>ONNX Runtime, except for encoders in eight bits, which only our own kernels run.</summary>
    [JsonStringEnumMemberName("runtime")] Runtime,
}
