using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ScoringService.Inference.Checkpoints;

/// <summary>
/// Writes a safetensors file of fp32 tensors, and bytes beside them, one tensor at a time and in any order, so that a whole model never has to be in memory.
/// The same tensors make the same bytes, whatever the order; the data begin at a multiple of 64 bytes.
/// </summary>
/// <remarks>Safe for concurrent writers of different tensors. Not atomic and not flushed: write into an <see cref="AtomicDirectory"/>.</remarks>
public sealed class SafetensorsWriter : IDisposable
{
    readonly string path;
    readonly SafeFileHandle file;
    // Bytes that are still to come, by tensor.
    readonly Dictionary<string, int> missing;

    /// <summary>Creates the file and writes its header.</summary>
    /// <param name="path">Where to; must not exist.</param>
    /// <param name="shapes">Every tensor the file will have.</param>
    /// <param name="metadata">Free text by key (<c>__metadata__</c>); null for none.</param>
    /// <param name="bytes">Name and length of every list of bytes the file will have beside them; null for none.</param>
    public SafetensorsWriter(
        string path, IEnumerable<KeyValuePair<string, ImmutableArray<int>>> shapes, IReadOnlyDictionary<string, string>? metadata = null,
        IEnumerable<KeyValuePair<string, int>>? bytes = null)
    {
        (var header, Entries) = SafetensorsHeader.Create(path, shapes, bytes ?? [], metadata ?? ImmutableDictionary<string, string>.Empty);
        missing = Entries.Where(entry => entry.Value.Bytes > 0).ToDictionary(entry => entry.Key, entry => entry.Value.Bytes);
        this.path = path;
        file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, preallocationSize: header.Length + Entries.Values.Sum(e => (long)e.Bytes));
        RandomAccess.Write(file, header, 0);
    }

    /// <summary>Where each tensor lies in the file.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    /// <summary>Writes tensors that are all in memory.</summary>
    /// <param name="path">Where to; must not exist.</param>
    /// <param name="tensors">The tensors by name.</param>
    /// <param name="metadata">Free text by key (<c>__metadata__</c>); null for none.</param>
    /// <exception cref="InvalidCheckpointException">A value is NaN or infinite.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        using var writer = new SafetensorsWriter(path, tensors.Select(t => KeyValuePair.Create(t.Key, t.Value.Shape)), metadata);
        foreach (var (name, tensor) in tensors) writer.Write(name, tensor.Values);
        writer.Complete();
    }

    /// <summary>Writes one tensor; each exactly once.</summary>
    /// <param name="name">One of the names given at the start.</param>
    /// <param name="values">As many values as its shape asks for, row-major.</param>
    /// <exception cref="InvalidCheckpointException">A value is NaN or infinite.</exception>
    public void Write(string name, ReadOnlySpan<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length, Entries[name].Length, nameof(values));
        Write(name, 0, values);
    }

    /// <summary>Writes a part of a tensor; the parts, in any order, must make up the whole without overlap.</summary>
    /// <param name="name">One of the names given at the start.</param>
    /// <param name="start">Position of the part's first value.</param>
    /// <param name="values">The part.</param>
    /// <exception cref="InvalidCheckpointException">A value is NaN or infinite.</exception>
    public void Write(string name, int start, ReadOnlySpan<float> values)
    {
        SafetensorsFile.RefuseNonFinite(path, name, values, start);
        WriteBytes(name, SafetensorsType.F32, start * sizeof(float), MemoryMarshal.AsBytes(values));
    }

    /// <summary>Writes one list of bytes; each exactly once.</summary>
    /// <param name="name">One of the names given at the start.</param>
    /// <param name="bytes">As many as were announced.</param>
    public void Write(string name, ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Entries[name].Bytes, nameof(bytes));
        WriteBytes(name, SafetensorsType.U8, 0, bytes);
    }

    void WriteBytes(string name, SafetensorsType type, int start, ReadOnlySpan<byte> bytes)
    {
        var entry = Entries[name];
        ArgumentOutOfRangeException.ThrowIfNotEqual(entry.Type, type, nameof(name));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start + bytes.Length, entry.Bytes, nameof(bytes));
        if (bytes.IsEmpty) return;
        lock (missing)
        {
            if (!missing.TryGetValue(name, out var left) || left < bytes.Length)
                throw new InvalidOperationException($"Tensor '{name}' of {path} is written already.");
            missing[name] = left - bytes.Length;
            if (left == bytes.Length) missing.Remove(name);
        }
        RandomAccess.Write(file, bytes, entry.Offset + start);
    }

    /// <summary>Closes the file after its last tensor.</summary>
    /// <exception cref="InvalidOperationException">A tensor was never written.</exception>
    public void Complete()
    {
        if (missing.Count > 0) throw new InvalidOperationException($"{path} lacks {missing.Count} tensors, among them '{missing.Keys.Min()}'.");
        Dispose();
    }

    /// <summary>Closes the file. Without <see cref="Complete"/> it is not a valid one.</summary>
    public void Dispose() => file.Dispose();
}
