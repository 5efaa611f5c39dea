namespace ScoringService.Inference.Checkpoints;

/// <summary>A file whose readers see the old content or the new, never a part.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file under a temporary name in the same directory, flushes it to the medium, and renames it over what was there.</summary>
    /// <param name="path">The file; its directory is created when missing.</param>
    /// <param name="contents">All of its content.</param>
    /// <exception cref="IOException">The medium failed; the old file is still there.</exception>
    public static void Write(string path, ReadOnlySpan<byte> contents)
    {
        var copy = contents.ToArray();
        Write(path, temporary => File.WriteAllBytes(temporary, copy));
    }

    /// <summary>As the other, for content that is written piece by piece.</summary>
    /// <param name="path">The file; its directory is created when missing.</param>
    /// <param name="write">Writes all of it to the path it is given.</param>
    /// <exception cref="IOException">The medium failed; the old file is still there.</exception>
    public static void Write(string path, Action<string> write)
    {
        var target = Path.GetFullPath(path);
        var parent = Path.GetDirectoryName(target)!;
        using var staging = AtomicDirectory.Stage(parent);
        var temporary = Path.Combine(staging.Path, Path.GetFileName(target));
        write(temporary);
        Disk.FlushTree(staging.Path);
        File.Move(temporary, target, overwrite: true);
        Disk.FlushNames(parent);
    }
}
