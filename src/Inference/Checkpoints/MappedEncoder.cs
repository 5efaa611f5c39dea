using System.Collections.Immutable;

namespace ScoringService.Inference.Checkpoints;

/// <summary>An encoder in a checkpoint on disk. Only the header is read until a tensor is opened, and nothing is kept when it is closed.</summary>
public sealed class MappedEncoder : ITensorStore, IDisposable
{
    readonly SafetensorsFile file;
    readonly IReadOnlyDictionary<string, string> names;

    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="file">The weights.</param>
    /// <param name="names">Names in the file by our names.</param>
    internal MappedEncoder(BertConfig config, SafetensorsFile file, IReadOnlyDictionary<string, string> names) =>
        (Config, this.file, this.names, Shapes) = (config, file, names, BertTensors.Shapes(config));

    /// <summary>Sizes of the encoder.</summary>
    public BertConfig Config { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, ImmutableArray<int>> Shapes { get; }

    /// <inheritdoc/>
    public TensorView Open(string name) => file.View(names[name]);

    /// <inheritdoc/>
    public void Dispose() => file.Dispose();
}
