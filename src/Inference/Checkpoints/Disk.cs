using System.Runtime.InteropServices;

namespace ScoringService.Inference.Checkpoints;

/// <summary>Makes what was written survive a power failure.</summary>
static partial class Disk
{
    const int EINVAL = 22;

    /// <summary>Waits until every file below a directory, and the directory with its names, are on the medium.</summary>
    public static void FlushTree(string directory)
    {
        foreach (var child in Directory.EnumerateDirectories(directory)) FlushTree(child);
        foreach (var path in Directory.EnumerateFiles(directory))
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.FlushToDisk(file);
        }
        FlushNames(directory);
    }

    /// <summary>Waits until the names in a directory are on the medium.</summary>
    /// <remarks>Without it a new or renamed entry can be lost, however well its content was flushed.</remarks>
    public static void FlushNames(string directory)
    {
        // Windows has no such call for directories; NTFS journals its names.
        if (OperatingSystem.IsWindows()) return;

        var descriptor = Open(directory, 0);
        if (descriptor < 0) throw Failure(directory);
        try
        {
            // EINVAL: the file system (some network mounts) cannot flush directories at all.
            if (Flush(descriptor) != 0 && Marshal.GetLastPInvokeError() != EINVAL) throw Failure(directory);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    static IOException Failure(string directory) => new($"{directory} could not be flushed: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int readOnly);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Flush(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
