using System.Text.Json;
using ScoringService.Inference.Checkpoints;
using ScoringService.Merging.Recipes;

namespace ScoringService.Benchmarks;

/// <summary>What was computed once, found again by the hash of what it was computed from.</summary>
/// <param name="directory">Where it is kept.</param>
sealed class QualityCache(string directory)
{
    // Part of every name: raise it when what is computed changes, though not what it is computed from.
    const string Format = "quality1";

    /// <summary>Takes a value from the cache, or computes and keeps it.</summary>
    public T GetOrMake<T>(string kind, string hash, Func<T> make)
        where T : class
    {
        if (Find<T>(kind, hash) is { } found)
            return found;
        var made = make();
        Keep(kind, hash, made);
        return made;
    }

    /// <summary>Keeps a value.</summary>
    public void Keep<T>(string kind, string hash, T value) =>
        AtomicFile.Write(PathOf(kind, hash), JsonSerializer.SerializeToUtf8Bytes(value, StrictJson.Options));

    /// <summary>A value that was kept, or null.</summary>
    public T? Find<T>(string kind, string hash)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllBytes(PathOf(kind, hash)), StrictJson.Options);
        }
        // Nothing there, or something of an older shape.
        catch (Exception missing) when (missing is IOException or JsonException)
        {
            return null;
        }
    }

    string PathOf(string kind, string hash) => Path.Combine(directory, $"{Format}-{kind}-{hash}.json");
}
