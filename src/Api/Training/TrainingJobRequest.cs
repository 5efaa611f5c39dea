using ScoringService.Merging.Training;

namespace ScoringService.Api.Training;

/// <summary>Which item models to train, and how.</summary>
sealed record TrainingJobRequest : TrainingRecipe
{
    /// <summary>Items to train a model for; each needs labelled responses.</summary>
    /// <example>["SS_Brian"]</example>
    public required string[] ItemIds { get; init; }

    /// <summary>Name of the base model: a directory in Hugging Face layout under <c>base-models</c> of the data directory.</summary>
    /// <example>minilm-l6</example>
    public string BaseModel { get; init; } = BaseModels.Default;
}
