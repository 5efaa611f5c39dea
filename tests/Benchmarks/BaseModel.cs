using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Benchmarks;

/// <summary>The base model that the build put beside the program.</summary>
sealed class BaseModel
{
    /// <summary>Its name.</summary>
    public const string Name = "minilm-l6";

    /// <summary>Reads it.</summary>
    public BaseModel()
    {
        Checkpoint = PackagedBaseModel.All.Single(model => model.Name == Name).Read();
        var directory = Directory.CreateTempSubdirectory("base-model");
        try
        {
            File.WriteAllBytes(Path.Combine(directory.FullName, "vocab.txt"), Checkpoint.Tokenizer["vocab.txt"]);
            Tokenizer = BertTokenizer.Load(directory.FullName);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Its weights.</summary>
    public Checkpoint Checkpoint { get; }

    /// <summary>Its tokenizer.</summary>
    public BertTokenizer Tokenizer { get; }

    /// <summary>Number of weights.</summary>
    public long Parameters => Checkpoint.Encoder.Values.Sum(tensor => (long)tensor.Length);
}
