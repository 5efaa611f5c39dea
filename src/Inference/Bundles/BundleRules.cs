using ScoringService.Inference.Scoring;

namespace ScoringService.Inference.Bundles;

/// <summary>What must hold inside a manifest, whatever the files contain.</summary>
static class BundleRules
{
    /// <summary>Checks a manifest against itself.</summary>
    /// <exception cref="InvalidBundleException">It contradicts itself.</exception>
    public static void Check(string bundle, BundleManifest manifest)
    {
        var problem = Problems(manifest).FirstOrDefault();
        if (problem is not null) throw new InvalidBundleException(bundle, problem);
    }

    static IEnumerable<string> Problems(BundleManifest manifest)
    {
        var listed = manifest.Files.Select(file => file.Path).ToHashSet();
        if (!listed.Contains(BundleLayout.Heads)) yield return $"has no {BundleLayout.Heads}.";
        if (!listed.Contains($"{BundleLayout.Tokenizer}/vocab.txt") && !listed.Contains($"{BundleLayout.Tokenizer}/tokenizer.json"))
            yield return $"has neither vocab.txt nor tokenizer.json in {BundleLayout.Tokenizer}/.";
        // [CLS], [SEP] and one token between them.
        if (manifest.Tokenizer.MaxTokens < 3) yield return $"cuts responses to {manifest.Tokenizer.MaxTokens} tokens; at least 3 are needed.";

        if (manifest.Items.IsDefaultOrEmpty) yield return "has no items.";
        foreach (var id in Repeated(manifest.Items.Select(item => item.Definition.Id))) yield return $"defines item '{id}' more than once.";
        foreach (var item in manifest.Items)
        {
            if (Problem(item.Definition, item.Calibration) is { } problem) yield return $"has item '{item.Definition.Id}' {problem}";
        }

        foreach (var name in Repeated(manifest.Encoders.Select(encoder => encoder.Name))) yield return $"has more than one encoder '{name}'.";
        foreach (var encoder in manifest.Encoders)
        {
            if (!listed.Contains(encoder.Graph)) yield return $"does not list the graph '{encoder.Graph}' of encoder '{encoder.Name}'.";
            if (!listed.Contains(encoder.Weights)) yield return $"does not list the weights '{encoder.Weights}' of encoder '{encoder.Name}'.";
            if (encoder.Items.IsDefaultOrEmpty) yield return $"has encoder '{encoder.Name}' without items.";
        }
        var encoded = manifest.Encoders.SelectMany(encoder => encoder.Items).ToList();
        var defined = manifest.Items.Select(item => item.Definition.Id).ToHashSet();
        foreach (var id in Repeated(encoded)) yield return $"has more than one encoder for item '{id}'.";
        foreach (var id in defined.Except(encoded)) yield return $"has no encoder for item '{id}'.";
        foreach (var id in encoded.Except(defined)) yield return $"has an encoder for item '{id}', which it does not define.";
    }

    static string? Problem(Item item, Calibration calibration)
    {
        if (item.Labels.IsDefaultOrEmpty || item.Points.IsDefault || item.Labels.Length != item.Points.Length)
            return "whose labels and points are not equally many, or none.";
        if (item.Labels.Any(string.IsNullOrEmpty)) return "with a label without a name.";
        if (Repeated(item.Labels).FirstOrDefault() is { } label) return $"with label '{label}' more than once.";
        if (!item.Points.All(double.IsFinite)) return "with points that are not finite.";
        if (!(calibration.Temperature > 0 && float.IsFinite(calibration.Temperature)))
            return $"with temperature {calibration.Temperature}; it must be positive.";
        var expected = item.Scoring == ScoringKind.MultiLabel ? item.Labels.Length : 0;
        if (calibration.Thresholds.IsDefault || calibration.Thresholds.Length != expected) return $"without exactly {expected} thresholds.";
        return calibration.Thresholds.All(threshold => threshold is >= 0 and <= 1) ? null : "with a threshold outside 0..1.";
    }

    static IEnumerable<string> Repeated(IEnumerable<string> names) =>
        names.GroupBy(name => name).Where(group => group.Count() > 1).Select(group => group.Key);
}
