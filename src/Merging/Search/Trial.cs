using System.Collections.Immutable;

namespace ScoringService.Merging.Search;

/// <summary>What came of one method, judged on validation responses.</summary>
/// <param name="Groups">The groups with their encoders and heads.</param>
/// <param name="ValidationQwk">Mean over items of QWK; null where an item has no validation responses.</param>
/// <param name="Bytes">Size of the weights of encoders and heads.</param>
/// <param name="HoldsFloor">Whether every item holds the floor; null where there is none, or nothing to compare with.</param>
sealed record Trial(ImmutableArray<MergedGroup> Groups, double? ValidationQwk, long Bytes, bool? HoldsFloor)
{
    /// <summary>Judges merged groups.</summary>
    /// <param name="groups">The groups.</param>
    /// <param name="holdsFloor">Whether each item that can be compared holds the floor.</param>
    public static Trial Of(ImmutableArray<MergedGroup> groups, IEnumerable<bool> holdsFloor)
    {
        double?[] qwk = [.. groups.SelectMany(group => group.Items).Select(item => item.Scores.Validation?.Qwk)];
        bool[] held = [.. holdsFloor];
        return new(
            groups,
            qwk.Contains(null) ? null : qwk.Average(),
            groups.Sum(group => group.WeightBytes),
            held.Length == 0 ? null : Array.TrueForAll(held, holds => holds));
    }
}
