using System.Text.Json;

namespace ScoringService.Api.Items;

/// <summary>An item model as administrators see it.</summary>
/// <param name="Hash">SHA-256 of its tensors file.</param>
/// <param name="Source">Where it came from.</param>
/// <param name="BaseModel">Base model it was fine-tuned from; null when it is not known.</param>
/// <param name="Metrics">Its metrics on the item's responses; null when it was imported.</param>
/// <param name="CreatedAt">When it was trained or imported.</param>
sealed record ItemModelView(string Hash, ItemModelSource Source, string? BaseModel, JsonElement? Metrics, DateTimeOffset CreatedAt)
{
    public static ItemModelView Of(ItemModelRow row) =>
        new(row.Hash, row.Source, row.BaseModel, row.Metrics is null ? null : JsonElement.Parse(row.Metrics), row.CreatedAt);
}
