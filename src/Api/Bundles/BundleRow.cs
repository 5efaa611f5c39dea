using ScoringService.Inference.Bundles;

namespace ScoringService.Api.Bundles;

/// <summary>A published bundle. Its files lie in a directory named by <see cref="Id"/>.</summary>
sealed class BundleRow
{
    public required string Id { get; init; }

    /// <summary>Name of the merging method that made it.</summary>
    public required string Method { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Items it scores.</summary>
    public required string[] Items { get; init; }

    /// <summary>Number of encoders.</summary>
    public required int Encoders { get; init; }

    /// <summary>Size of all files.</summary>
    public required long Bytes { get; init; }

    public static BundleRow Of(string id, BundleManifest manifest) => new()
    {
        Id = id,
        Method = manifest.Method,
        CreatedAt = manifest.CreatedAt,
        Items = [.. manifest.Items.Select(item => item.Definition.Id)],
        Encoders = manifest.Encoders.Length,
        Bytes = manifest.Bytes,
    };
}

/// <summary>One activation. The last one names the active bundle; a rollback takes it away, so the one before counts again.</summary>
sealed class ActivationRow
{
    public long Sequence { get; init; }

    public required string BundleId { get; init; }

    public required DateTimeOffset At { get; init; }
}
