using System.Collections.Immutable;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Kernels;

namespace ScoringService.Inference.Forward;

/// <summary>A layer of a forward pass.</summary>
/// <param name="Projections">Query, key and value side by side; the query is divided by √d.</param>
/// <param name="Output">Attention's output projection.</param>
/// <param name="AttentionNorm">Normalization after attention.</param>
/// <param name="Mlp">The MLP.</param>
/// <param name="OutputNorm">Normalization after it.</param>
sealed unsafe record Layer(Projection Projections, Projection Output, Normalization AttentionNorm, ForwardMlp Mlp, Normalization OutputNorm) : IDisposable
{
    /// <summary>Applies it to the hidden states of a batch, in place.</summary>
    /// <param name="workspace">The batch and memory for it.</param>
    /// <param name="config">Sizes of the encoder.</param>
    /// <param name="hidden">Hidden states, <paramref name="stride"/> apart.</param>
    /// <param name="change">Memory for as many rows.</param>
    /// <param name="stride">Numbers from one row to the next.</param>
    public void Apply(Workspace workspace, BertConfig config, float* hidden, float* change, int stride)
    {
        var batch = workspace.Batch;
        var projections = workspace.Take(Slot.Projections, (long)batch.Rows * Projections.Stride);
        var attended = workspace.Take(Slot.Attended, (long)batch.Rows * stride);
        var headSize = config.HiddenSize / config.AttentionHeads;
        var scores = workspace.Take(Slot.Scores, SelfAttention.Scratch(batch.Longest, headSize));
        Projections.Apply<Identity>(workspace, hidden, stride, projections);
        for (var place = 0; place < batch.Responses; place++)
        {
            SelfAttention.Attend(
                projections + ((nint)batch.Start(place) * Projections.Stride), Projections.Stride, batch.Tokens(place), config.AttentionHeads, headSize,
                attended + ((nint)batch.Start(place) * stride), stride, scores);
        }
        Output.Apply<Identity>(workspace, attended, stride, change);
        AttentionNorm.Apply(hidden, change, hidden, batch.Rows, stride);
        Mlp.Apply(workspace, hidden, change, stride);
        OutputNorm.Apply(hidden, change, hidden, batch.Rows, stride);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Projections.Dispose();
        Output.Dispose();
        Mlp.Dispose();
    }
}

/// <summary>Packs the layers of an encoder.</summary>
static class ForwardLayers
{
    /// <summary>Packs a layer.</summary>
    /// <param name="model">The encoder.</param>
    /// <param name="layer">Which layer, from 0.</param>
    /// <param name="eightBit">What of it is rounded to eight bits; layers with experts of any kind never are.</param>
    public static Layer Pack(EncoderModel model, int layer, EightBit eightBit)
    {
        var name = $"encoder.layer.{layer}";
        var queryScale = (float)(1 / Math.Sqrt((double)model.Config.HiddenSize / model.Config.AttentionHeads));
        return new(
            Project(
                model, eightBit.HasFlag(EightBit.Projections),
                ($"{name}.attention.self.query", queryScale), ($"{name}.attention.self.key", 1f), ($"{name}.attention.self.value", 1f)),
            Project(model, eightBit.HasFlag(EightBit.AttentionOutput), ($"{name}.attention.output.dense", 1f)),
            Norm(model, $"{name}.attention.output.LayerNorm"),
            Mlp(model, layer, eightBit),
            Norm(model, $"{name}.output.LayerNorm"));
    }

    /// <summary>Packs a layer normalization.</summary>
    public static Normalization Norm(EncoderModel model, string name) =>
        new(model.Shared[$"{name}.weight"], model.Shared[$"{name}.bias"], model.Config.LayerNormEpsilon);

    static ForwardMlp Mlp(EncoderModel model, int layer, EightBit eightBit)
    {
        var (up, down) = ($"encoder.layer.{layer}.intermediate.dense", $"encoder.layer.{layer}.output.dense");
        if (model is not WeightEnsemblingEncoder routed || !routed.TaskVectors.ContainsKey($"{up}.weight"))
        {
            return new TwoLayerMlp(
                Project(model, eightBit.HasFlag(EightBit.Up), (up, 1f)), Project(model, eightBit.HasFlag(EightBit.Down), (down, 1f)));
        }
        // Read once each: a tensor of an encoder that is being loaded comes from its file whenever it is asked for.
        var (first, second) = (Read(up), Read(down));
        var sparse = LaneMlp.IsFaster(first.Weights) && LaneMlp.IsFaster(second.Weights);
        return new BlendedMlp(new(routed.Layout, routed.Routers, layer), Blend(first), Blend(second), sparse ? new(Lanes(first), Lanes(second)) : null);

        BlendedLinear Read(string linear) => new(
            model.Shared[$"{linear}.weight"], model.Shared[$"{linear}.bias"], routed.TaskVectors[$"{linear}.weight"], routed.TaskVectors[$"{linear}.bias"]);

        static BlendedMatrix Blend(BlendedLinear linear) => new(linear.Weight, linear.Bias, linear.Weights, linear.Biases);

        static SparseBlend Lanes(BlendedLinear linear) =>
            new(linear.Weight, linear.Bias, [.. linear.Weights.Select(Values)], [.. linear.Biases.Select(Values)]);

        static float[] Values(TaskVector vector)
        {
            var values = new float[vector.Length];
            vector.CopyTo(values);
            return values;
        }
    }

    static Projection Project(EncoderModel model, bool eightBit, params ImmutableArray<(string Name, float Scale)> layers)
    {
        ExpertFactors?[] experts = [.. layers.Select(layer => Experts(model, layer.Name))];
        if (experts.All(factors => factors is null))
        {
            (Tensor Weight, Tensor Bias, float Scale)[] plain = [.. layers.Select(layer => (Weight(layer.Name), Bias(layer.Name), layer.Scale))];
            return eightBit ? new QuantizedProjection(new(plain)) : new DenseProjection(new(plain));
        }
        return new LowRankProjection([.. layers.Zip(experts, (layer, factors) => (Weight(layer.Name), Bias(layer.Name), layer.Scale, factors))]);

        Tensor Weight(string name) => model.Shared[$"{name}.weight"];

        Tensor Bias(string name) => model.Shared[$"{name}.bias"];
    }

    static ExpertFactors? Experts(EncoderModel model, string linear) =>
        model is LowRankEncoder lowRank && lowRank.Factors.TryGetValue(LowRankEncoder.InnerOf(linear), out var inner)
            ? new(lowRank.Experts, inner, lowRank.Factors[LowRankEncoder.OuterOf(linear)], lowRank.Factors[LowRankEncoder.BiasOf(linear)])
            : null;
}

/// <summary>A linear layer with task vectors of its weight and bias.</summary>
readonly record struct BlendedLinear(Tensor Weight, Tensor Bias, ImmutableArray<TaskVector> Weights, ImmutableArray<TaskVector> Biases);
