using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Tokenization;

namespace ScoringService.Benchmarks;

/// <summary>The base model that the build put beside the program.</summary>
sealed class BaseModel
{
    static readonly string Directory = Path.Combine(AppContext.BaseDirectory, "base-models", "minilm-l6");

    /// <summary>Its name.</summary>
    public const string Name = "minilm-l6";

    /// <summary>Its weights.</summary>
    public Checkpoint Checkpoint { get; } = QuantizedBaseModel.Dequantize(Directory);

    /// <summary>Its tokenizer.</summary>
    public BertTokenizer Tokenizer { get; } = BertTokenizer.Load(Directory);

    /// <summary>Number of weights.</summary>
    public long Parameters => Checkpoint.Encoder.Values.Sum(tensor => (long)tensor.Length);
}
