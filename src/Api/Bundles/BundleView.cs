using System.Text.Json.Serialization;

namespace ScoringService.Api.Bundles;

/// <summary>Whether a bundle answers requests.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BundleState>))]
enum BundleState
{
    /// <summary>It can be activated.</summary>
    [JsonStringEnumMemberName("available")] Available,

    /// <summary>It answers requests.</summary>
    [JsonStringEnumMemberName("active")] Active,
}

/// <summary>A published bundle.</summary>
/// <param name="Id">Hash of its manifest.</param>
/// <param name="Method">Merging method that made it.</param>
/// <param name="State">Whether it answers requests.</param>
/// <param name="CreatedAt">When it was published.</param>
/// <param name="Items">Ids of the items it scores.</param>
/// <param name="Encoders">Number of encoders.</param>
/// <param name="Bytes">Size of all its files.</param>
sealed record BundleView(
    string Id, string Method, BundleState State, DateTimeOffset CreatedAt, IReadOnlyList<string> Items, int Encoders, long Bytes)
{
    public static BundleView Of(BundleRow row, string? active) => new(
        row.Id, row.Method, row.Id == active ? BundleState.Active : BundleState.Available, row.CreatedAt, row.Items, row.Encoders, row.Bytes);
}

/// <summary>The published bundles, newest first.</summary>
/// <param name="Bundles">The bundles.</param>
sealed record BundleList(IReadOnlyList<BundleView> Bundles);
