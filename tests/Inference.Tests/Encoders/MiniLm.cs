using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Tests.Encoders;

/// <summary>The base model that comes with the build, read once for all tests.</summary>
static class MiniLm
{
    static readonly Lazy<Checkpoint> Full = new(() => PackagedBaseModel.All[0].Read());

    static readonly Lazy<Checkpoint> FourBits = new(() => Full.Value with
    {
        Encoder = Full.Value.Encoder.ToDictionary(tensor => tensor.Key, tensor => IsMatrix(tensor.Key) ? InFourBits(tensor.Value) : tensor.Value),
    });

    static readonly Lazy<string> Written = new(() =>
    {
        var directory = Directory.CreateTempSubdirectory("vocabulary").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(directory, recursive: true);
        File.WriteAllBytes(Path.Combine(directory, "vocab.txt"), Full.Value.Tokenizer["vocab.txt"]);
        return directory;
    });

    /// <summary>In full precision.</summary>
    public static Checkpoint Checkpoint => Full.Value;

    /// <summary>
    /// Rounded as the export that PyTorch's golden numbers were computed with, bit for bit: each 32 neighbours of a row to multiples of a scale, of which their
    /// largest in magnitude is −8.
    /// </summary>
    public static Checkpoint RoundedToFourBits => FourBits.Value;

    /// <summary>A directory with its vocabulary.</summary>
    public static string VocabularyDirectory => Written.Value;

    static bool IsMatrix(string name) => name.StartsWith("encoder.", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal)
        && !name.Contains("LayerNorm", StringComparison.Ordinal);

    static Tensor InFourBits(Tensor tensor) => tensor with { Values = [.. tensor.Values.Chunk(32).SelectMany(Rounded)] };

    static IEnumerable<float> Rounded(float[] block)
    {
        var (smallest, largest) = (block.Min(), block.Max());
        var scale = (largest >= -smallest ? largest : smallest) / -8;
        var inverse = scale == 0 ? 0 : 1 / scale;
        return block.Select(value => (Math.Clamp(MathF.Floor(MathF.FusedMultiplyAdd(value, inverse, 8.5f)), 0, 15) - 8) * scale);
    }
}
