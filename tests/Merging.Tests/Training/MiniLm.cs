using ScoringService.Inference.Checkpoints;

namespace ScoringService.Merging.Tests.Training;

/// <summary>The base model that comes with the build, dequantized once for all tests.</summary>
static class MiniLm
{
    static readonly Lazy<Checkpoint> Loaded = new(() => QuantizedBaseModel.Dequantize(Directory));

    public static string Directory { get; } = Path.Combine(AppContext.BaseDirectory, "base-models", "minilm-l6");

    public static Checkpoint Checkpoint => Loaded.Value;
}
