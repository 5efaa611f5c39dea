using ScoringService.Inference.Checkpoints;

namespace ScoringService.Inference.Forward;

/// <summary>The embedding table, a row per token. Safe to use from several threads at once.</summary>
abstract class WordTable : IDisposable
{
    /// <summary>A token's row.</summary>
    /// <param name="id">The token.</param>
    /// <param name="buffer">As long as a row; may be written to.</param>
    /// <returns>The row: in <paramref name="buffer"/>, or where it is anyway.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such token.</exception>
    public abstract ReadOnlySpan<float> Row(int id, Span<float> buffer);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>An embedding table that is in memory anyway.</summary>
sealed class WordsInMemory(float[] table, int width) : WordTable
{
    /// <inheritdoc/>
    public override ReadOnlySpan<float> Row(int id, Span<float> buffer) => table.AsSpan(id * width, width);

    /// <inheritdoc/>
    public override void Dispose()
    {
    }
}

/// <summary>
/// An embedding table that stays in its file but for the first rows. WordPiece numbers tokens by how frequent they are, behind marks and letters: the first
/// rows are those of 86 % of the tokens in MIND-CA's answers; to read all from the file takes 1.6 % of a forward pass.
/// </summary>
sealed class StoredWords : WordTable
{
    const int RowsInMemory = 4096;

    readonly SafetensorsFile file;
    readonly float[] first;
    readonly int width;

    /// <summary>Reads the first rows, and checks all.</summary>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="file">Its file; disposed together with this.</param>
    /// <exception cref="InvalidCheckpointException">A value is NaN or infinite.</exception>
    public StoredWords(BertConfig config, SafetensorsFile file)
    {
        (this.file, width) = (file, config.HiddenSize);
        var length = config.VocabularySize * width;
        // The first rows last, so that they are what remains of the reading.
        first = new float[Math.Min(RowsInMemory, config.VocabularySize) * width];
        for (var start = (length - 1) / first.Length * first.Length; start >= 0; start -= first.Length)
        {
            var part = first.AsSpan(0, Math.Min(first.Length, length - start));
            file.Read(BertTensors.WordEmbeddings, start, part);
            SafetensorsFile.RefuseNonFinite<float>(file.Path, BertTensors.WordEmbeddings, part, start);
        }
    }

    /// <inheritdoc/>
    public override ReadOnlySpan<float> Row(int id, Span<float> buffer)
    {
        if ((uint)id < (uint)(first.Length / width))
            return first.AsSpan(id * width, width);
        file.Read(BertTensors.WordEmbeddings, id * width, buffer);
        return buffer;
    }

    /// <inheritdoc/>
    public override void Dispose() => file.Dispose();
}
