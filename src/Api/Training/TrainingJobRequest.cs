using ScoringService.Merging.Training;

namespace ScoringService.Api.Training;

/// <summary>Which item models to train, and how.</summary>
sealed record TrainingJobRequest : TrainingRecipe
{
    /// <summary>Items to train a model for; each needs labelled responses.</summary>
    /// <example>["SC_Puddle"]</example>
    public required string[] ItemIds { get; init; }

    /// <summary>Name of the base model: <c>minilm-l6</c>, <c>arctic-xs</c>, or one that was registered.</summary>
    /// <example>minilm-l6</example>
    public string BaseModel { get; init; } = BaseModels.Default;
}
