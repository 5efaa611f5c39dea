using System.ComponentModel.DataAnnotations;

namespace ScoringService.Merging.Training;

/// <summary>Everything that decides how an item model is fine-tuned.</summary>
public record TrainingRecipe
{
    /// <summary>How often every training response is seen, at most. Default 4.</summary>
    [Range(1, 100)] public int Epochs { get; init; } = 4;

    /// <summary>Responses per step. Default 16.</summary>
    [Range(1, 1024)] public int BatchSize { get; init; } = 16;

    /// <summary>Learning rate of the encoder at the end of warm-up. Default 1e-4, chosen on MIND-CA's validation responses for MiniLM; 5e-5 suits larger encoders.</summary>
    [Range(1e-8, 1.0)] public float EncoderLearningRate { get; init; } = 1e-4f;

    /// <summary>Learning rate of the head at the end of warm-up; larger because a linear layer bears it. Default 1e-3.</summary>
    [Range(1e-8, 1.0)] public float HeadLearningRate { get; init; } = 1e-3f;

    /// <summary>Decoupled weight decay λ on every trained tensor, per step at learning rate 1. Default 0.01.</summary>
    [Range(0.0, 1.0)] public float WeightDecay { get; init; } = .01f;

    /// <summary>Share of all steps over which learning rates rise from 0; then they fall linearly to 0. Default 0.1.</summary>
    [Range(0.0, 1.0)] public float WarmupFraction { get; init; } = .1f;

    /// <summary>Longest response in tokens, <c>[CLS]</c> and <c>[SEP]</c> included; longer ones are cut. Default 128.</summary>
    [Range(3, 8192)] public int MaxTokens { get; init; } = 128;

    /// <summary>Gradients with a larger joint Euclidean norm are scaled down to it. Default 1.</summary>
    [Range(1e-6, 1e6)] public float ClipNorm { get; init; } = 1;

    /// <summary>Epochs without a better validation loss after which training stops. Default 2.</summary>
    [Range(1, 100)] public int Patience { get; init; } = 2;

    /// <summary>Whether the token, position and type embedding tables stay as they are (their normalization is trained). Default true.</summary>
    public bool FreezeEmbeddings { get; init; } = true;

    /// <summary>Seed of the order of responses.</summary>
    public int Seed { get; init; }
}
