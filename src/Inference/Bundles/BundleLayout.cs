using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace ScoringService.Inference.Bundles;

/// <summary>Where things lie in a bundle, and which files there are.</summary>
static partial class BundleLayout
{
    public const string Manifest = "manifest.json";
    public const string Heads = "heads.safetensors";
    public const string Encoders = "encoders";
    public const string Tokenizer = "tokenizer";

    public static string HeadWeight(string itemId) => $"{itemId}.weight";

    public static string HeadBias(string itemId) => $"{itemId}.bias";

    /// <summary>Whether a path stays inside the bundle on every operating system: no <c>..</c>, no root, no drive, no hidden name.</summary>
    public static bool IsSafe(string path) => SafePath().IsMatch(path);

    /// <summary>Paths of all files but the manifest, in ordinal order.</summary>
    /// <exception cref="InvalidBundleException">Something is a link.</exception>
    public static ImmutableArray<string> Files(string bundle)
    {
        var paths = ImmutableArray.CreateBuilder<string>();
        Collect(new(bundle), "");
        paths.Remove(Manifest);
        paths.Sort(StringComparer.Ordinal);
        return paths.ToImmutable();

        void Collect(DirectoryInfo directory, string prefix)
        {
            foreach (var entry in directory.EnumerateFileSystemInfos())
            {
                var path = prefix + entry.Name;
                if (entry.Attributes.HasFlag(FileAttributes.ReparsePoint))
                    throw new InvalidBundleException(bundle, $"holds a link, '{path}'; only files may be in it.");
                if (entry is DirectoryInfo inner) Collect(inner, path + "/");
                else paths.Add(path);
            }
        }
    }

    /// <summary>Size and hash of a file as it is on the disk.</summary>
    public static BundleFile Describe(string bundle, string path)
    {
        using var file = new FileStream(Path.Combine(bundle, path), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 16);
        return new(path, file.Length, Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*\z")]
    private static partial Regex SafePath();
}
