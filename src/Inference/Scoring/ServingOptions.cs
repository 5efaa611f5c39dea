using System.ComponentModel.DataAnnotations;
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

    /// <summary>Threads that run encoders, each one forward pass at a time. Default: one per processor.</summary>
    [Range(1, 1024)] public int Executors { get; init; } = Environment.ProcessorCount;

    /// <summary>How responses become batches, and how many may wait.</summary>
    public QueueOptions Queue { get; init; } = new();

    /// <summary>When a person should look at a score.</summary>
    public ReviewOptions Review { get; init; } = new();
}
