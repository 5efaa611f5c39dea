using System.Globalization;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging.Evaluation;

/// <summary>Items that fall below the floor of a recipe that says to fail.</summary>
public sealed class FloorException(string message) : Exception(message)
{
    internal static FloorException Of(IEnumerable<string> items, FloorRecipe floor) => new(string.Create(
        CultureInfo.InvariantCulture,
        $"{string.Join(", ", items)} would fall more than {floor.MaxDrop} {floor.Metric} below their own models. Nothing was published. "
        + $"Allow more groups, another method, a larger floor.maxDrop, or floor.onBreach 'unmerge'."));
}
