namespace ScoringService.Api.FirstStart;

/// <summary>What happens when the service starts in Development with nothing in it.</summary>
sealed class FirstStartOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "FirstStart";

    /// <summary>Whether the sample items are defined, trained and merged. Default true; in Production nothing is ever seeded.</summary>
    public bool SeedSamples { get; init; } = true;
}
