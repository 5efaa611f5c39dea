using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Tests.Training;

/// <summary>The base model that comes with the build, dequantized once for all tests.</summary>
static class MiniLm
{
    public static string Directory { get; } = Path.Combine(AppContext.BaseDirectory, "base-models", "minilm-l6");

    public static Checkpoint Checkpoint { get; } = QuantizedBaseModel.Dequantize(Directory);
}
