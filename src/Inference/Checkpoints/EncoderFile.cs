using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>An encoder in a checkpoint on disk. Only the header is read until a tensor is asked for, and nothing is kept of it.</summary>
public sealed class EncoderFile : ITensorStore, IDisposable
{
    readonly SafetensorsFile file;
    readonly IReadOnlyDictionary<string, string> names;

    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="file">The weights.</param>
    /// <param name="names">Names in the file by our names.</param>
    internal EncoderFile(BertConfig config, SafetensorsFile file, IReadOnlyDictionary<string, string> names) =>
        (Config, this.file, this.names, Shapes) = (config, file, names, BertTensors.Shapes(config));

    /// <summary>Sizes of the encoder.</summary>
    public BertConfig Config { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, ImmutableArray<int>> Shapes { get; }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Read(string name, int start, Span<float> buffer)
    {
        file.Read(names[name], start, buffer);
        return buffer;
    }

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
