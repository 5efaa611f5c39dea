namespace ScoringService.Inference.Bundles;

/// <summary>A bundle is not what its manifest says, or its manifest contradicts itself; it must not be served.</summary>
/// <param name="bundle">Directory of the bundle.</param>
/// <param name="reason">What is wrong: a clause that follows the bundle.</param>
/// <param name="cause">The failure behind it, if there is one.</param>
public sealed class InvalidBundleException(string bundle, string reason, Exception? cause = null) : Exception($"Bundle {bundle} {reason}", cause)
{
    /// <summary>Directory of the bundle.</summary>
    public string Bundle { get; } = bundle;

    /// <summary>What is wrong: the message without the bundle.</summary>
    public string Reason { get; } = reason;
}
