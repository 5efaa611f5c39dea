using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>The base model that comes with the build, dequantized once for all tests.</summary>
static class MiniLm
{
    static readonly Lazy<Checkpoint> Loaded = new(() => QuantizedBaseModel.Dequantize(Path.Combine(AppContext.BaseDirectory, "base-models", "minilm-l6")));

    public static Checkpoint Checkpoint => Loaded.Value;
}
