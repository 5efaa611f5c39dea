using System.Runtime.InteropServices;

namespace ScoringService.Inference.Kernels;

/// <summary>Numbers outside the managed heap, where they never move, aligned to a cache line. Not initialized.</summary>
/// <remarks>
/// On Linux a large array has pages of its own. The C library raises, with every large block that is freed, the size up to which it cuts blocks from heaps that
/// it keeps; one heap a thread, weights of many encoders in each, and a service that exchanges its bundle would keep several times what it uses.
/// </remarks>
sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    readonly nuint bytes;
    readonly bool ownPages;
    T* start;

    /// <summary>Takes memory for <paramref name="length"/> numbers.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough.</exception>
    public NativeArray(long length)
    {
        Length = length;
        bytes = (nuint)Math.Max(1, length) * (nuint)sizeof(T);
        ownPages = OperatingSystem.IsLinux() && bytes >= NativePages.Large;
        start = (T*)(ownPages ? NativePages.Take(bytes) : NativeMemory.AlignedAlloc(bytes, NativePages.CacheLine));
        GC.AddMemoryPressure((long)bytes);
    }

    ~NativeArray() => Free();

    /// <summary>Number of numbers.</summary>
    public long Length { get; }

    /// <summary>The first number.</summary>
    public T* Start => start is null ? throw new ObjectDisposedException(GetType().Name) : start;

    /// <summary>A part as a span.</summary>
    public Span<T> Span(long from, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(from + length, Length);
        return new(Start + from, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    void Free()
    {
        if (start is null)
            return;
        if (ownPages)
            NativePages.GiveBack(start, bytes);
        else
            NativeMemory.AlignedFree(start);
        GC.RemoveMemoryPressure((long)bytes);
        start = null;
    }
}

/// <summary>Pages of Linux' virtual memory.</summary>
static unsafe partial class NativePages
{
    /// <summary>Bytes from which on an array is worth pages of its own.</summary>
    public const nuint Large = 1 << 17;

    /// <summary>Bytes of a cache line.</summary>
    public const nuint CacheLine = 64;

    const int ReadAndWrite = 1 | 2;
    const int PrivateAndAnonymous = 2 | 32;

    /// <summary>Takes pages for a number of bytes.</summary>
    /// <exception cref="InsufficientMemoryException">There are not enough.</exception>
    public static void* Take(nuint bytes)
    {
        var start = Map(null, bytes, ReadAndWrite, PrivateAndAnonymous, -1, 0);
        return start == -1 ? throw new InsufficientMemoryException($"The system has no {bytes} bytes left.") : (void*)start;
    }

    /// <summary>Gives them back.</summary>
    public static void GiveBack(void* start, nuint bytes) => _ = Unmap(start, bytes);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(void* wanted, nuint bytes, int access, int kind, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* start, nuint bytes);
}
