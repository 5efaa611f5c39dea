using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;

namespace ScoringService.Benchmarks;

/// <summary>What models take on disk, found by writing them as a bundle does.</summary>
static class StoredBytes
{
    /// <summary>Bytes of encoders and heads.</summary>
    /// <param name="encoders">Encoders, each with the heads of its items; written one at a time.</param>
    public static long Of(IEnumerable<(EncoderModel Encoder, Dictionary<string, Head> Heads)> encoders)
    {
        var directory = Directory.CreateTempSubdirectory("quality");
        try
        {
            var bytes = 0L;
            foreach (var (encoder, heads) in encoders)
            {
                EncoderExport.Write(directory.FullName, "encoder", encoder);
                SafetensorsWriter.Write(
                    Path.Combine(directory.FullName, "heads.safetensors"),
                    heads.SelectMany(head => new Dictionary<string, Tensor>
                    {
                        [$"{head.Key}.weight"] = head.Value.Weight,
                        [$"{head.Key}.bias"] = head.Value.Bias,
                    }).ToDictionary());
                foreach (var file in directory.EnumerateFiles())
                {
                    bytes += file.Length;
                    file.Delete();
                }
            }
            return bytes;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Numbers in an encoder and its heads.</summary>
    public static long Parameters(EncoderModel encoder, IEnumerable<Head> heads) =>
        encoder.Parameters + heads.Sum(head => (long)head.Weight.Length + head.Bias.Length);
}
