using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>
/// An encoder that runs in our own kernels, on one processor thread a pass, without padding. A response's vector has the same bits whatever it is encoded
/// with. Safe to use from several threads at once.
/// </summary>
/// <remarks>Why it exists beside ONNX Runtime, and what it was measured to bring, is in decision 0006.</remarks>
public sealed unsafe class RaggedEncoder : IEncoder
{
    // Memory of a pass grows with its rows; more are encoded part by part, to the same result.
    const int RowsAtATime = 2048;

    readonly BertConfig config;
    readonly EncoderOutput output;
    readonly RowOrder order;
    readonly int stride;
    readonly WordTable words;
    readonly float[] positions;
    readonly Normalization embeddingNorm;
    readonly ImmutableArray<Layer> layers;
    readonly ConcurrentBag<Workspace> workspaces = [];

    /// <summary>Packs an encoder; its tensors are not needed afterwards, except the embedding table.</summary>
    /// <param name="model">An encoder that <see cref="Runs"/>.</param>
    /// <param name="output">What it returns.</param>
    /// <param name="eightBit">Linear layers that are rounded to eight bits; those with experts of any kind never are.</param>
    /// <exception cref="ArgumentException">A tensor is missing or has another shape.</exception>
    public RaggedEncoder(EncoderModel model, EncoderOutput output, EightBit eightBit = EightBit.None)
        : this(Checked(model), output, eightBit, new WordsInMemory(model.Shared[BertTensors.WordEmbeddings].Values, model.Config.HiddenSize))
    {
    }

    RaggedEncoder(EncoderModel model, EncoderOutput output, EightBit eightBit, WordTable words)
    {
        (config, this.output, stride, this.words) = (model.Config, output, PackedMatrix.StrideOf(model.Config.HiddenSize), words);
        order = model switch
        {
            LowRankEncoder => RowOrder.Expert,
            WeightEnsemblingEncoder => RowOrder.Length,
            _ => RowOrder.Request,
        };
        positions = PositionsAndType(model);
        embeddingNorm = ForwardLayers.Norm(model, "embeddings.LayerNorm");
        var depth = output.Layer < 0 ? output.Layer + config.Layers + 1 : output.Layer;
        layers = [.. Enumerable.Range(0, depth).Select(layer => ForwardLayers.Pack(model, layer, eightBit))];
    }

    /// <inheritdoc/>
    public int HiddenSize => config.HiddenSize;

    /// <inheritdoc/>
    public int MaxTokens => config.MaxPositions;

    /// <inheritdoc/>
    public bool ReadsExpert => order == RowOrder.Expert;

    /// <inheritdoc/>
    public int ResponsesSideBySide => layers.Any(layer => layer.Mlp is BlendedMlp { IsSideBySide: true }) ? SparseBlend.Lanes : 1;

    /// <summary>
    /// Opens an encoder that <see cref="EncoderExport"/> wrote. Its layers are packed one after the other. Most of the embedding table stays in the file, which is
    /// open until the encoder is disposed.
    /// </summary>
    /// <param name="weights">Its <c>.safetensors</c> file; on Linux it may be deleted meanwhile, but not changed.</param>
    /// <param name="eightBit">Linear layers that are rounded to eight bits.</param>
    /// <returns>The encoder; null for one that only the runtime's graph knows, or of an earlier version that does not describe itself.</returns>
    /// <exception cref="InvalidCheckpointException">A tensor is missing or does not fit.</exception>
    public static RaggedEncoder? TryLoad(string weights, EightBit eightBit)
    {
        var file = SafetensorsFile.Open(weights);
        RaggedEncoder? encoder = null;
        try
        {
            if (EncoderDescription.Read(file) is { } description && description.Open(file) is var model && Runs(model))
            {
                encoder = new(model, description.Output, eightBit, new StoredWords(model.Config, file));
            }
            return encoder;
        }
        finally
        {
            if (encoder is null)
                file.Dispose();
        }
    }

    /// <summary>Whether this processor's vectors are wide enough for the kernels to be worth it.</summary>
    public static bool IsFast => Vector512.IsHardwareAccelerated;

    /// <summary>Whether an encoder is of a kind that runs here: widths in sixteens, and no routed attention or routed low-rank experts.</summary>
    public static bool Runs(EncoderModel model)
    {
        var lanes = Vector512<float>.Count;
        var inSixteens = model.Config.HiddenSize % lanes == 0 && model.Config.HiddenSize / model.Config.AttentionHeads % lanes == 0
            && model.Config.IntermediateSize % lanes == 0;
        return inSixteens && model switch
        {
            StaticEncoder => true,
            LowRankEncoder lowRank => lowRank.Layout is null,
            WeightEnsemblingEncoder routed => !routed.TaskVectors.Keys.Any(name => name.Contains(".attention.", StringComparison.Ordinal)),
            _ => false,
        };
    }

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        if (pooled.Length != responses.Length * HiddenSize)
            throw new ArgumentException($"{responses.Length} responses need {responses.Length * HiddenSize} values, not {pooled.Length}.", nameof(pooled));
        foreach (var response in responses)
        {
            if (response.Ids.Length is var tokens && (tokens == 0 || tokens > MaxTokens))
                throw new ArgumentException($"A response has {tokens} tokens; the encoder takes 1 to {MaxTokens}. Truncate when tokenizing.", nameof(responses));
        }
        if (!workspaces.TryTake(out var workspace))
            workspace = new();
        try
        {
            while (!responses.IsEmpty)
            {
                var (count, rows) = (0, 0);
                while (count < responses.Length && (count == 0 || rows + responses[count].Ids.Length <= RowsAtATime))
                    rows += responses[count++].Ids.Length;
                if (count < responses.Length && count > ResponsesSideBySide)
                    count -= count % ResponsesSideBySide;
                Pass(workspace, responses[..count], pooled[..(count * HiddenSize)]);
                responses = responses[count..];
                pooled = pooled[(count * HiddenSize)..];
            }
        }
        finally
        {
            workspaces.Add(workspace);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in layers)
            layer.Dispose();
        words.Dispose();
        while (workspaces.TryTake(out var workspace))
            workspace.Dispose();
    }

    void Pass(Workspace workspace, ReadOnlySpan<EncoderInput> responses, Span<float> pooled)
    {
        var batch = workspace.Batch;
        batch.LayOut(responses, order);
        var hidden = workspace.Take(Slot.Hidden, (long)batch.Rows * stride);
        var change = workspace.Take(Slot.Change, (long)batch.Rows * stride);
        Embed(batch, responses, hidden);
        foreach (var layer in layers)
            layer.Apply(workspace, config, hidden, change, stride);
        for (var place = 0; place < batch.Responses; place++)
            Pool(hidden + ((nint)batch.Start(place) * stride), batch.Tokens(place), pooled.Slice(batch.At(place) * HiddenSize, HiddenSize));
    }

    void Embed(RaggedBatch batch, ReadOnlySpan<EncoderInput> responses, float* hidden)
    {
        var width = HiddenSize;
        for (var place = 0; place < batch.Responses; place++)
        {
            var ids = responses[batch.At(place)].Ids.Span;
            for (var token = 0; token < ids.Length; token++)
            {
                var row = new Span<float>(hidden + ((nint)(batch.Start(place) + token) * stride), width);
                TensorPrimitives.Add(words.Row(ids[token], row), positions.AsSpan(token * width, width), row);
            }
        }
        embeddingNorm.Apply(hidden, null, hidden, batch.Rows, stride);
    }

    void Pool(float* rows, int tokens, Span<float> pooled)
    {
        new ReadOnlySpan<float>(rows, pooled.Length).CopyTo(pooled);
        if (output.Pooling == Pooling.Cls)
            return;
        for (var token = 1; token < tokens; token++)
            TensorPrimitives.Add(pooled, new ReadOnlySpan<float>(rows + ((nint)token * stride), pooled.Length), pooled);
        TensorPrimitives.Divide(pooled, tokens, pooled);
    }

    static EncoderModel Checked(EncoderModel model)
    {
        BertTensors.Check(model.Config, model.Shared);
        return Runs(model) ? model : throw new ArgumentException("The encoder has sizes or modules that only the runtime's graph knows.", nameof(model));
    }

    static float[] PositionsAndType(EncoderModel model)
    {
        var width = model.Config.HiddenSize;
        var sums = model.Shared[BertTensors.PositionEmbeddings].Values.ToArray();
        var type = model.Shared[BertTensors.TokenTypeEmbeddings].Values.AsSpan(0, width);
        for (var position = 0; position < model.Config.MaxPositions; position++)
            TensorPrimitives.Add(sums.AsSpan(position * width, width), type, sums.AsSpan(position * width, width));
        return sums;
    }
}
