using System.Text.Json.Serialization;

namespace ScoringService.Merging.Alignment;

/// <summary>
/// Which number stands for the discrepancy of two clouds. One grows with the other, but means over items do not see that: average linkage may group
/// differently (Python Optimal Transport and GW-SMM use the square, Mémoli 2011 defines the half root).
/// </summary>
[JsonConverter(typeof(JsonStringEnumConverter<GwOutput>))]
public enum GwOutput
{
    /// <summary>The squared-loss objective itself, in squared feature distance, as in GW-SMM.</summary>
    [JsonStringEnumMemberName("squared")] Squared,

    /// <summary>½ √ of the objective, in feature distance: the metric of Mémoli.</summary>
    [JsonStringEnumMemberName("half-root")] HalfRoot,
}
