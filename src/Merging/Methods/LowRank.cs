using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Merging.Alignment;

namespace ScoringService.Merging.Methods;

/// <summary>What decides which low-rank expert a response meets.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExpertSelection>))]
public enum ExpertSelection
{
    /// <summary>Its item, which is known when it arrives.</summary>
    [JsonStringEnumMemberName("item")] Item,

    /// <summary>A router in each layer, from the response itself; MLPs only.</summary>
    [JsonStringEnumMemberName("router")] Router,
}

/// <summary>What a truncation loses least of.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<LowRankFit>))]
public enum LowRankFit
{
    /// <summary>The weights' values: the singular value decomposition of the difference.</summary>
    [JsonStringEnumMemberName("weights")] Weights,

    /// <summary>What the weights make of the item's responses: the same, weighted by the Gram matrix of the layer's inputs.</summary>
    [JsonStringEnumMemberName("outputs")] Outputs,
}

/// <summary>
/// Low-rank experts: on a shared encoder, each item keeps of every linear layer the leading singular directions of what the shared weights lack of its own,
/// W + BᵢAᵢ with BᵢAᵢ ≈ Wᵢ − W (LoRA in reverse; compare Lu et al. 2024, Twin-Merging). Biases of an expert are kept whole.
/// </summary>
[Description("Keeps of each item's difference from a shared encoder the leading singular directions, selected by item or blended by a router.")]
public sealed record LowRank : AdaptedMethod
{
    /// <summary>Directions kept of each linear layer. Default 16.</summary>
    [Description("Singular directions kept of each linear layer.")]
    [Range(1, 1024)]
    public int Rank { get; init; } = 16;

    /// <summary>The shared encoder. Default the base model.</summary>
    [Description("The shared encoder that the experts are put on.")]
    public SharedEncoder Shared { get; init; } = SharedEncoder.Base;

    /// <summary>Scale of the summed task vectors in the shared encoder, for task arithmetic. Default 0.3.</summary>
    [Description("Scale λ of the summed task vectors in the shared encoder, where it is merged by task arithmetic.")]
    [Range(0.0, 2.0)]
    public double SharedLambda { get; init; } = 0.3;

    /// <summary>What a truncation loses least of. Default the weights: on MIND-CA the outputs were not better.</summary>
    [Description("Whether a truncation is closest in the weights, or in what they make of the item's responses.")]
    public LowRankFit Fit { get; init; }

    /// <summary>Training responses per item that the Gram matrices are made from. Default 256.</summary>
    [Description("Training responses per item from which layers' inputs are known, where the fit is to outputs.")]
    [Range(1, 4096)]
    public int Samples { get; init; } = 256;

    /// <summary>What decides which expert a response meets. Default its item.</summary>
    [Description("Whether a response meets its item's expert, or a router's blend of all.")]
    public ExpertSelection Selection { get; init; }

    /// <summary>Linear layers of a router: 0, 1 or 2. Default 2.</summary>
    [Description("Linear layers of a router, where there are routers: 0 (a constant), 1 or 2.")]
    [Range(0, 2)]
    public int RouterDepth { get; init; } = 2;

    /// <summary>Learning rate of the routers. Default 1e-3.</summary>
    [Description("Learning rate of the routers, where there are routers.")]
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 1e-3;

    private protected override double Rate => LearningRate;

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work)
    {
        Merge.Check(group);
        var shared = Shared.Make(SharedLambda, group, work);
        var factors = Factors(shared, group, work);
        if (Selection == ExpertSelection.Item)
            return new LowRankEncoder(group.Config, shared, group.Ids.Length, factors, null, ImmutableDictionary<string, Tensor>.Empty);

        var layout = new RouterLayout(RouterDepth);
        var modules = Enumerable.Range(0, group.Config.Layers).Select(layer => (layer, RoutedModule.Mlp));
        var routers = Routers.Initialize(layout.Shapes(group.Config, group.Ids.Length, modules), bias: 1.0 / group.Ids.Length, deviation: .01, Seed);
        var encoder = new LowRankEncoder(group.Config, shared, group.Ids.Length, factors, layout, routers);
        return encoder with { Routers = Adapt(encoder, routers.Keys, group, work) };
    }

    ConcurrentDictionary<string, Tensor> Factors(IReadOnlyDictionary<string, Tensor> shared, MergeGroup group, MergeWork work)
    {
        string[] linears = [.. LowRankEncoder.Linears(group.Config)
            .Where(linear => Selection == ExpertSelection.Item || !linear.Contains(".attention.", StringComparison.Ordinal))];
        var (experts, factors) = (group.Ids.Length, new ConcurrentDictionary<string, Tensor>());
        foreach (var linear in linears)
        {
            var (outputs, inputs) = (shared[$"{linear}.weight"].Shape[0], shared[$"{linear}.weight"].Shape[1]);
            var rank = RankOf(outputs, inputs);
            factors[LowRankEncoder.InnerOf(linear)] = Zeros(experts * rank, inputs);
            factors[LowRankEncoder.OuterOf(linear)] = Zeros(experts * rank, outputs);
            factors[LowRankEncoder.BiasOf(linear)] = Zeros(experts, outputs);
        }

        foreach (var (expert, item) in group.Items.Index())
        {
            var own = group.Models[item.Id].Encoder;
            work.Progress.Report(new("merging", (double)expert / experts, $"singular directions of '{item.Id}'"));
            var grams = Fit == LowRankFit.Outputs
                ? InputGrams.Of(group.Config, own, item.DrawTrain(Samples, Seed), work.Runtime with { Threads = work.Threads }, work.Stop)
                : null;
            Parallel.ForEach(linears, new ParallelOptions { MaxDegreeOfParallelism = work.Threads, CancellationToken = work.Stop }, linear =>
                Truncate(linear, expert, own, grams?[linear]));
        }
        return factors;

        void Truncate(string linear, int expert, IReadOnlyDictionary<string, Tensor> own, Matrix? gram)
        {
            var delta = Difference(own[$"{linear}.weight"], shared[$"{linear}.weight"]);
            var rank = RankOf(delta.Rows, delta.Columns);
            var outer = LeftSingularVectors.Of(delta, gram, rank, work.Stop);
            var inner = new Matrix(rank, delta.Columns);
            Matrix.Multiply(outer, delta, inner);
            Write(outer, factors[LowRankEncoder.OuterOf(linear)], expert);
            Write(inner, factors[LowRankEncoder.InnerOf(linear)], expert);
            var (bias, start) = (own[$"{linear}.bias"].Values, shared[$"{linear}.bias"].Values);
            var kept = factors[LowRankEncoder.BiasOf(linear)].Values.AsSpan(expert * bias.Length, bias.Length);
            for (var i = 0; i < kept.Length; i++)
                kept[i] = bias[i] - start[i];
        }
    }

    int RankOf(int outputs, int inputs) => Math.Min(Rank, Math.Min(outputs, inputs));

    static Tensor Zeros(int rows, int columns) => new([rows, columns], new float[rows * columns]);

    static Matrix Difference(Tensor own, Tensor shared)
    {
        var difference = new Matrix(own.Shape[0], own.Shape[1]);
        for (var i = 0; i < own.Length; i++)
            difference.Values[i] = (double)own.Values[i] - shared.Values[i];
        return difference;
    }

    static void Write(Matrix rows, Tensor stacked, int expert)
    {
        var target = stacked.Values.AsSpan(expert * rows.Values.Length, rows.Values.Length);
        for (var i = 0; i < target.Length; i++)
            target[i] = (float)rows.Values[i];
    }
}
