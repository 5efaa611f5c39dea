using System.Text.Json.Serialization;

namespace ScoringService.Api.Items;

/// <summary>What a labelled response is used for.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Split>))]
enum Split
{
    /// <summary>Fits models and heads.</summary>
    [JsonStringEnumMemberName("train")] Train,

    /// <summary>Decides between them. Where an item has none, a tenth of its training responses is set aside.</summary>
    [JsonStringEnumMemberName("validation")] Validation,

    /// <summary>Measures the outcome, once.</summary>
    [JsonStringEnumMemberName("test")] Test,
}

/// <summary>A labelled response as it is stored.</summary>
sealed class ResponseRow
{
    public required string ItemId { get; init; }

    public required string ResponseId { get; init; }

    public required Split Split { get; init; }

    /// <summary>Place in the upload. Training depends on the order, so it is kept.</summary>
    public required int Position { get; init; }

    public required string Text { get; init; }

    /// <summary>For each label of the item, whether it holds.</summary>
    public required bool[] Labels { get; init; }

    /// <summary>What a second person said; null where nobody scored it again.</summary>
    public bool[]? SecondLabels { get; init; }
}
