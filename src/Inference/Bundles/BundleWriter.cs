using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Bundles;

/// <summary>
/// Makes a bundle: encoders are exported into <see cref="EncodersDirectory"/>, then <see cref="Publish"/> adds the rest, verifies everything
/// and lets the bundle appear under its id. Disposing before that leaves nothing behind.
/// </summary>
public sealed class BundleWriter : IDisposable
{
    readonly AtomicDirectory staging;

    /// <summary>Begins a bundle.</summary>
    /// <param name="root">Directory of all bundles; created when missing.</param>
    public BundleWriter(string root)
    {
        staging = AtomicDirectory.Stage(root);
        Directory.CreateDirectory(EncodersDirectory);
    }

    /// <summary>Where the encoders' files go; in the manifest their paths begin with <c>encoders/</c>.</summary>
    public string EncodersDirectory => Path.Combine(staging.Path, BundleLayout.Encoders);

    /// <summary>Writes heads, tokenizer and manifest, verifies the whole, and gives the bundle its final name.</summary>
    /// <param name="manifest">All but <see cref="BundleManifest.Files"/>, which is filled in.</param>
    /// <param name="heads">The head of every item, by its id.</param>
    /// <param name="tokenizer">Contents of the tokenizer's files by file name, as in <see cref="Checkpoint.Tokenizer"/>.</param>
    /// <returns>The bundle's id. Publishing the same content again changes nothing and returns the same id.</returns>
    /// <exception cref="InvalidBundleException">The parts do not make a valid bundle.</exception>
    /// <exception cref="InvalidCheckpointException">A value of a head is NaN or infinite.</exception>
    /// <exception cref="IOException">The medium failed.</exception>
    public string Publish(BundleManifest manifest, IReadOnlyDictionary<string, Head> heads, IReadOnlyDictionary<string, byte[]> tokenizer)
    {
        SafetensorsWriter.Write(
            Path.Combine(staging.Path, BundleLayout.Heads),
            heads.SelectMany(head => new[]
            {
                KeyValuePair.Create(BundleLayout.HeadWeight(head.Key), head.Value.Weight),
                KeyValuePair.Create(BundleLayout.HeadBias(head.Key), head.Value.Bias),
            }).ToDictionary());
        var tokenizerDirectory = Directory.CreateDirectory(Path.Combine(staging.Path, BundleLayout.Tokenizer)).FullName;
        foreach (var (name, content) in tokenizer) File.WriteAllBytes(Path.Combine(tokenizerDirectory, name), content);

        var files = BundleLayout.Files(staging.Path).Select(path => BundleLayout.Describe(staging.Path, path));
        var json = (manifest with { Files = [.. files] }).ToJson();
        File.WriteAllBytes(Path.Combine(staging.Path, BundleLayout.Manifest), json);
        var id = BundleManifest.IdOf(json);
        Bundle.Verify(staging.Path, id);
        staging.Publish(id);
        return id;
    }

    /// <summary>Removes what was not published.</summary>
    public void Dispose() => staging.Dispose();
}
