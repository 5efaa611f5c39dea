namespace ScoringService.Inference.Tests;

/// <summary>
/// Real responses, which the project measures on and does not hold: the folder that the environment variable <c>SCORING_DATA</c> names, with a folder for each
/// set.
/// </summary>
static class RealData
{
    const string Variable = "SCORING_DATA";

    /// <summary>Why tests on real responses are skipped; null where the folder is there.</summary>
    public static string? Missing => Directory.Exists(Environment.GetEnvironmentVariable(Variable))
        ? null
        : $"{Variable} names no folder with real responses.";

    /// <summary>Path in the folder.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Environment.GetEnvironmentVariable(Variable)!, .. parts]);
}

/// <summary>A test on real responses; skipped where they are not at hand.</summary>
[AttributeUsage(AttributeTargets.Method)]
sealed class RealDataFactAttribute : FactAttribute
{
    public RealDataFactAttribute() => Skip = RealData.Missing;
}
