using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Tests.Methods;

namespace ScoringService.Merging.Tests;

public sealed class MergedItemsTests
{
    [Theory]
    [InlineData("""{ "name": "simple-average" }""")]
    [InlineData("""{ "name": "low-rank", "rank": 3 }""")]
    [InlineData("""{ "name": "wemoe", "steps": 0 }""")]
    [InlineData("""{ "name": "e-wemoe", "steps": 0 }""")]
    public void An_encoders_bytes_are_those_of_its_file(string method)
    {
        var encoder = MethodCatalog.Parse(JsonDocument.Parse(method).RootElement, out _)!.MakeEncoder(TinyWemoe.Group, TinyGroup.Work);
        var directory = Directory.CreateTempSubdirectory("bytes").FullName;
        try
        {
            EncoderExport.Write(directory, "e0", encoder);
            using var file = SafetensorsFile.Open(Path.Combine(directory, "e0.safetensors"));

            Assert.Equal(file.Entries.Values.Sum(entry => (long)entry.Bytes), new MergedGroup(encoder, [], default, 0).WeightBytes);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
