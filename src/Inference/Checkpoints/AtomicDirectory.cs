using Microsoft.Win32.SafeHandles;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// A directory that appears complete or not at all: it is filled under a temporary name beside its final place, flushed to the medium, and renamed.
/// Disposing before <see cref="Publish"/> leaves nothing behind; what a killed process leaves is removed by
/// <see cref="RemoveLeftovers"/>.
/// </summary>
/// <remarks>
/// A lock file beside each temporary directory, held while its process lives, tells work in progress (of any process) from leftovers.
/// </remarks>
public sealed class AtomicDirectory : IDisposable
{
    const string Prefix = ".staging-";
    const string LockSuffix = ".lock";

    readonly SafeFileHandle held;

    AtomicDirectory(string path)
    {
        Path = path;
        held = Hold(path, FileMode.CreateNew);
        Directory.CreateDirectory(path);
    }

    /// <summary>The temporary directory, to be filled.</summary>
    public string Path { get; }

    /// <summary>Creates a temporary directory in the parent of what shall be published.</summary>
    /// <param name="parent">Created when missing.</param>
    public static AtomicDirectory Stage(string parent)
    {
        Directory.CreateDirectory(parent);
        return new(System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), Prefix + Guid.NewGuid().ToString("N")));
    }

    /// <summary>Flushes everything and gives the directory its final name.</summary>
    /// <param name="name">Name in the parent.</param>
    /// <returns>False when the name is taken: then nothing was changed.</returns>
    /// <exception cref="IOException">The medium failed.</exception>
    public bool Publish(string name)
    {
        var parent = System.IO.Path.GetDirectoryName(Path)!;
        var destination = System.IO.Path.Combine(parent, name);
        if (Directory.Exists(destination)) return false;

        Disk.FlushTree(Path);
        try
        {
            Directory.Move(Path, destination);
        }
        catch (IOException) when (Directory.Exists(destination))
        {
            return false;
        }
        Disk.FlushNames(parent);
        return true;
    }

    /// <summary>Removes the directory if it was not published.</summary>
    public void Dispose()
    {
        if (held.IsClosed) return;
        Remove(Path);
        held.Dispose();
    }

    /// <summary>Removes the temporary directories of processes that no longer live. Call once at start.</summary>
    /// <param name="parent">Directory in which others were staged; may be missing.</param>
    /// <returns>How many were removed.</returns>
    /// <exception cref="IOException">A leftover cannot be deleted.</exception>
    public static int RemoveLeftovers(string parent)
    {
        if (!Directory.Exists(parent)) return 0;
        var leftovers = Directory.GetFileSystemEntries(parent, Prefix + "*")
            .Select(path => path.EndsWith(LockSuffix, StringComparison.Ordinal) ? path[..^LockSuffix.Length] : path)
            .Distinct();
        return leftovers.Count(RemoveUnlessHeld);
    }

    static bool RemoveUnlessHeld(string path)
    {
        SafeFileHandle held;
        try
        {
            held = Hold(path, FileMode.OpenOrCreate);
        }
        catch (IOException)
        {
            // The process that works there lives.
            return false;
        }
        using (held) Remove(path);
        return true;
    }

    static SafeFileHandle Hold(string path, FileMode mode) =>
        File.OpenHandle(path + LockSuffix, mode, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose);

    static void Remove(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }
}
