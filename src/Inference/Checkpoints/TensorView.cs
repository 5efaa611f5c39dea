using System.Buffers;
using System.Collections.Immutable;
using System.IO.MemoryMappedFiles;

namespace ScoringService.Inference.Checkpoints;

/// <summary>A tensor's values for as long as somebody needs them: an array, or the part of a file that holds them. Unmapped when it is disposed.</summary>
/// <remarks>What a file holds has not been checked: values may be NaN or infinite.</remarks>
public sealed unsafe class TensorView : IDisposable
{
    readonly float[]? array;
    readonly bool pooled;
    readonly MemoryMappedViewAccessor? map;
    readonly float* start;

    TensorView(ImmutableArray<int> shape, int length, float[]? array, bool pooled, MemoryMappedViewAccessor? map, float* start)
    {
        (Shape, Length, this.array, this.pooled, this.map) = (shape, length, array, pooled, map);
        this.start = start;
    }

    /// <summary>Sizes of the dimensions, outermost first.</summary>
    public ImmutableArray<int> Shape { get; }

    /// <summary>Number of values.</summary>
    public int Length { get; }

    /// <summary>The values, row-major; not to be used after the view was disposed.</summary>
    public ReadOnlySpan<float> Values => map is null ? array.AsSpan(0, Length) : new(start, Length);

    /// <summary>A view of a tensor in memory.</summary>
    public static TensorView Of(Tensor tensor) => new(tensor.Shape, tensor.Length, tensor.Values, pooled: false, null, null);

    /// <summary>A view of a mapped tensor of fp32 numbers.</summary>
    internal static TensorView Mapped(SafetensorsEntry entry, MemoryMappedViewAccessor map)
    {
        byte* start = null;
        map.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return new(entry.Shape, entry.Length, null, pooled: false, map, (float*)(start + map.PointerOffset));
    }

    /// <summary>Values converted from another number format, in a buffer that is used again.</summary>
    internal static TensorView Converted(SafetensorsEntry entry, SpanAction<float, SafetensorsEntry> convert)
    {
        var array = ArrayPool<float>.Shared.Rent(entry.Length);
        convert(array.AsSpan(0, entry.Length), entry);
        return new(entry.Shape, entry.Length, array, pooled: true, null, null);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (pooled)
            ArrayPool<float>.Shared.Return(array!);
        if (map is null || map.SafeMemoryMappedViewHandle.IsClosed)
            return;
        map.SafeMemoryMappedViewHandle.ReleasePointer();
        map.Dispose();
    }
}
