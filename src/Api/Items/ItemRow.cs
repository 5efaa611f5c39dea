using System.Text.Json;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using ScoringService.Inference.Scoring;

namespace ScoringService.Api.Items;

/// <summary>An item as it is stored.</summary>
sealed class ItemRow
{
    public required string Id { get; init; }

    public required Item Definition { get; set; }

    public required DateTimeOffset UpdatedAt { get; set; }
}

/// <summary>Keeps an item's definition as the JSON that bundles also carry.</summary>
sealed class ItemDefinitionJson() : ValueConverter<Item, string>(
    item => JsonSerializer.Serialize(item, JsonSerializerOptions.Web),
    json => JsonSerializer.Deserialize<Item>(json, JsonSerializerOptions.Web)!);
