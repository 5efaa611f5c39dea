using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// A safetensors file, read by memory map. Nothing in it is trusted: the header is checked against every rule of the format when the file is opened,
/// and values that are not finite are refused when they are read.
/// </summary>
/// <remarks>Safe for concurrent readers. The file must not be changed while it is open; published files never are.</remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    readonly SafeFileHandle file;
    readonly MemoryMappedFile map;
    readonly MemoryMappedViewAccessor view;
    readonly byte* start;

    SafetensorsFile(string path, SafeFileHandle file, MemoryMappedFile map, MemoryMappedViewAccessor view, byte* start, SafetensorsHeader header)
    {
        Path = path;
        (Entries, Metadata) = header;
        this.file = file;
        this.map = map;
        this.view = view;
        this.start = start;
    }

    /// <summary>Path of the file.</summary>
    public string Path { get; }

    /// <summary>The tensors by name, in the order in which they lie in the file.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    /// <summary>Free text by key (<c>__metadata__</c>).</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InvalidCheckpointException">The file breaks a rule of the format.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        var handle = File.OpenHandle(path);
        try
        {
            return Open(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    static SafetensorsFile Open(string path, SafeFileHandle handle)
    {
        var length = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[SafetensorsHeader.PrefixBytes];
        RandomAccess.Read(handle, prefix, 0);
        var json = new byte[SafetensorsHeader.JsonBytes(path, prefix, length)];
        RandomAccess.Read(handle, json, SafetensorsHeader.PrefixBytes);
        var header = SafetensorsHeader.Parse(path, json, length - SafetensorsHeader.PrefixBytes - json.Length);

        var map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        var view = map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        return new(path, handle, map, view, start + view.PointerOffset, header);
    }

    /// <summary>A tensor in fp32, from F32, F16 or BF16.</summary>
    /// <exception cref="InvalidCheckpointException">There is no such tensor, it has another format, or a value is NaN or infinite.</exception>
    public Tensor Read(string name)
    {
        var entry = Entry(name);
        var values = GC.AllocateUninitializedArray<float>(entry.Length);
        Read(name, values);
        return new(entry.Shape, values);
    }

    /// <summary>A tensor in fp32, from F32, F16 or BF16, into memory of the caller.</summary>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="destination">Exactly as many values as the tensor has.</param>
    /// <exception cref="InvalidCheckpointException">There is no such tensor, it has another format, or a value is NaN or infinite.</exception>
    public void Read(string name, Span<float> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(destination.Length, Entry(name).Length, nameof(destination));
        Read(name, 0, destination);
        RefuseNonFinite<float>(Path, name, destination);
    }

    /// <summary>A part of a tensor in fp32, from F32, F16 or BF16, into memory of the caller; values are not checked.</summary>
    /// <remarks>
    /// F32 is copied from the file, not through the map: a program that reads many files once spends more time on mapping pages than on copying them, and
    /// mapped pages stay in the memory of a program that keeps the file open.
    /// </remarks>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="start">Position of the part's first value.</param>
    /// <param name="destination">As long as the part.</param>
    /// <exception cref="InvalidCheckpointException">There is no such tensor, it has another format, or the file was cut short.</exception>
    public void Read(string name, int start, Span<float> destination)
    {
        var entry = Entry(name);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + destination.Length, entry.Length, nameof(destination));
        if (entry.Type != SafetensorsType.F32)
        {
            Convert(entry, start, destination);
            return;
        }
        var bytes = MemoryMarshal.AsBytes(destination);
        var offset = entry.Offset + ((long)start * sizeof(float));
        for (int done = 0, read; done < bytes.Length; done += read)
        {
            read = RandomAccess.Read(file, bytes[done..], offset + done);
            if (read == 0) throw new InvalidCheckpointException(Path, name, "ends too soon: the file was cut short while it was open.");
        }
    }

    void Convert(SafetensorsEntry entry, int start, Span<float> destination)
    {
        var size = SafetensorsEntry.SizeOf(entry.Type);
        var bytes = Bytes(entry).Slice(start * size, destination.Length * size);
        switch (entry.Type)
        {
            case SafetensorsType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), destination);
                break;
            case SafetensorsType.BF16:
                var bits = MemoryMarshal.Cast<float, uint>(destination);
                TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, ushort>(bytes), bits);
                TensorPrimitives.ShiftLeft(bits, 16, bits);
                break;
            default:
                throw new InvalidCheckpointException(Path, entry.Name, $"is {entry.Type}; weights must be F32, F16 or BF16. Convert it.");
        }
    }

    /// <summary>The values of an F64 tensor.</summary>
    /// <exception cref="InvalidCheckpointException">There is no such tensor, it has another format, or a value is NaN or infinite.</exception>
    public double[] ReadDoubles(string name)
    {
        var values = ReadAs<double>(name, SafetensorsType.F64);
        RefuseNonFinite<double>(Path, name, values);
        return values;
    }

    /// <summary>The values of an I64 tensor.</summary>
    /// <exception cref="InvalidCheckpointException">There is no such tensor, or it has another format.</exception>
    public long[] ReadInt64s(string name) => ReadAs<long>(name, SafetensorsType.I64);

    /// <summary>A tensor's bytes as they lie in the file: a view of the map, valid until the file is disposed.</summary>
    /// <exception cref="InvalidCheckpointException">There is no such tensor.</exception>
    public ReadOnlySpan<byte> Bytes(string name) => Bytes(Entry(name));

    /// <summary>Unmaps the file; spans taken from it must no longer be used.</summary>
    public void Dispose()
    {
        if (view.SafeMemoryMappedViewHandle.IsClosed) return;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        view.Dispose();
        map.Dispose();
        file.Dispose();
    }

    /// <summary>Refuses NaN and infinities by name and position.</summary>
    internal static void RefuseNonFinite<T>(string file, string name, ReadOnlySpan<T> values, int start = 0)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        if (values.IsEmpty || TensorPrimitives.IsFiniteAll(values)) return;
        var i = 0;
        while (T.IsFinite(values[i])) i++;
        throw new InvalidCheckpointException(file, name, $"holds {values[i]} at position {start + i}; every value must be finite.");
    }

    T[] ReadAs<T>(string name, SafetensorsType type) where T : unmanaged
    {
        var entry = Entry(name);
        if (entry.Type != type) throw new InvalidCheckpointException(Path, name, $"is {entry.Type}, not {type}.");
        return MemoryMarshal.Cast<byte, T>(Bytes(entry)).ToArray();
    }

    SafetensorsEntry Entry(string name) =>
        Entries.TryGetValue(name, out var entry) ? entry : throw new InvalidCheckpointException(Path, name, "is not in the file.");

    ReadOnlySpan<byte> Bytes(SafetensorsEntry entry)
    {
        ObjectDisposedException.ThrowIf(view.SafeMemoryMappedViewHandle.IsClosed, this);
        return new(start + entry.Offset, entry.Bytes);
    }
}
