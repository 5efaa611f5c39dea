using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;

namespace ScoringService.Merging.Planning;

/// <summary>How far apart two clusters are, from the dissimilarities between the items of one and those of the other.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Linkage>))]
public enum Linkage
{
    /// <summary>Their mean (UPGMA, Sokal and Michener 1958), as in GW-SMM.</summary>
    [JsonStringEnumMemberName("average")] Average,

    /// <summary>The largest: every item of a group is near every other.</summary>
    [JsonStringEnumMemberName("complete")] Complete,

    /// <summary>The smallest: every item of a group is near some other.</summary>
    [SuppressMessage("Naming", "CA1720", Justification = "The field's term.")]
    [JsonStringEnumMemberName("single")] Single,
}
