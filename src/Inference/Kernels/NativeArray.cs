using System.Runtime.InteropServices;

namespace ScoringService.Inference.Kernels;

/// <summary>Numbers outside the managed heap, where they never move, aligned to a cache line. Not initialized.</summary>
sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    const nuint CacheLine = 64;

    T* start;

    /// <summary>Takes memory for <paramref name="length"/> numbers.</summary>
    public NativeArray(long length)
    {
        Length = length;
        start = (T*)NativeMemory.AlignedAlloc((nuint)Math.Max(1, length) * (nuint)sizeof(T), CacheLine);
        GC.AddMemoryPressure(length * sizeof(T));
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
        NativeMemory.AlignedFree(start);
        GC.RemoveMemoryPressure(Length * sizeof(T));
        start = null;
    }
}
