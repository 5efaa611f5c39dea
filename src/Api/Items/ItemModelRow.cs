using System.Text.Json.Serialization;

namespace ScoringService.Api.Items;

/// <summary>Where an item model came from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ItemModelSource>))]
enum ItemModelSource
{
    /// <summary>A training job of this service.</summary>
    [JsonStringEnumMemberName("trained")] Trained,

    /// <summary>A checkpoint somebody brought along.</summary>
    [JsonStringEnumMemberName("imported")] Imported,
}

/// <summary>An item model: its files lie in a directory named by <see cref="Hash"/>. The newest of an item is the one that is merged.</summary>
sealed class ItemModelRow
{
    public required string ItemId { get; init; }

    /// <summary>SHA-256 of the checkpoint's tensors file, in lower-case hexadecimal.</summary>
    public required string Hash { get; init; }

    public required ItemModelSource Source { get; init; }

    /// <summary>Base model it was fine-tuned from; null when it is not known.</summary>
    public string? BaseModel { get; init; }

    /// <summary>Longest token sequence it was trained on, special tokens included.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Metrics on validation and test responses as JSON; null when it was imported.</summary>
    public string? Metrics { get; init; }

    public required DateTimeOffset CreatedAt { get; set; }
}
