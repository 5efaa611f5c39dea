using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Graphs;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace ScoringService.Merging.Methods;

/// <summary>What has a coefficient of its own in <see cref="AdaMerging"/>.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Granularity>))]
public enum Granularity
{
    /// <summary>Every tensor of every item's task vector, which the paper calls layer-wise.</summary>
    [JsonStringEnumMemberName("layer")] Layer,

    /// <summary>Every item's task vector as a whole.</summary>
    [JsonStringEnumMemberName("task")] Task,
}

/// <summary>Which task vectors <see cref="AdaMerging"/> weighs.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WeighedVectors>))]
public enum WeighedVectors
{
    /// <summary>As they are.</summary>
    [JsonStringEnumMemberName("plain")] Plain,

    /// <summary>Trimmed, and without the changes that disagree with the elected sign, as TIES leaves them (AdaMerging++).</summary>
    [JsonStringEnumMemberName("ties")] Ties,

    /// <summary>Without the redundant vector of AWD (AWD-AdaMerging).</summary>
    [JsonStringEnumMemberName("awd")] Awd,
}

/// <summary>
/// AdaMerging (Yang et al. 2024, §3): θ = θ₀ + Σᵢ λᵢτᵢ, with a coefficient for every item or for every tensor of every item, learned on the predictions' entropy.
/// The result is a static encoder.
/// </summary>
[Description("Learns a coefficient for every task vector, or for every tensor of it, from the entropy of predictions: θ = θ₀ + Σ λᵢτᵢ.")]
public sealed record AdaMerging : AdaptedMethod
{
    /// <summary>What has a coefficient of its own. Default layer.</summary>
    [Description("Whether every tensor of a task vector has its own coefficient, or the task vector as a whole.")]
    public Granularity Granularity { get; init; }

    /// <summary>Which task vectors are weighed. Default plain.</summary>
    [Description("Whether task vectors are weighed as they are, as TIES leaves them, or without AWD's redundant vector.")]
    public WeighedVectors Vectors { get; init; }

    /// <summary>Density k of the trimming, where task vectors are weighed as TIES leaves them. Default 0.2.</summary>
    [Description("Share of each task vector's values that trimming keeps, for vectors 'ties'.")]
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Density { get; init; } = 0.2;

    /// <summary>Initial value of every coefficient. Default 0.3, as in the paper.</summary>
    [Description("Initial value of every coefficient.")]
    [Range(-2.0, 2.0)]
    public double Initial { get; init; } = 0.3;

    /// <summary>Learning rate of the coefficients. Default 1e-3, as in the paper.</summary>
    [Description("Learning rate of the coefficients.")]
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 1e-3;

    private protected override double Rate => LearningRate;

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work)
    {
        var weighed = Start(group, work.Stop);
        // Models that are all the base leave nothing to weigh, and no entropy depends on a coefficient.
        if (weighed.TaskVectors.Count == 0)
            return weighed.Fold();
        return (weighed with { Coefficients = Adapt(weighed, weighed.Coefficients.Keys, group, work) }).Fold();
    }

    /// <summary>The task vectors under their initial coefficients.</summary>
    internal WeighedEncoder Start(MergeGroup group, CancellationToken stop)
    {
        Merge.Check(group);
        var taskVectors = ImmutableDictionary.CreateBuilder<string, ImmutableArray<TaskVector>>();
        var redundant = Vectors == WeighedVectors.Awd ? new Awd().Redundant(Experts(group), stop) : null;
        foreach (var (name, tensor) in group.Base.Encoder)
        {
            stop.ThrowIfCancellationRequested();
            // A tensor that no item changed needs no coefficient; the embedding tables are half of a small model.
            float[][] values = [.. group.Ids.Select(id => TaskVector.Difference(group.Models[id].Encoder[name].Values, tensor.Values))];
            if (!values.Any(value => value.AsSpan().ContainsAnyExcept(0f)))
                continue;
            if (Vectors == WeighedVectors.Ties)
                values = Agreeing(values, Density);
            else if (redundant is not null)
                values = Disentangled(values, redundant);
            taskVectors[name] = [.. values.Select(TaskVector.Dense)];
        }

        var coefficient = new Tensor([1, group.Ids.Length], [.. Enumerable.Repeat((float)Initial, group.Ids.Length)]);
        var coefficients = (Granularity == Granularity.Task ? [WeighedEncoder.Coefficient] : taskVectors.Keys.Select(WeighedEncoder.CoefficientOf))
            .ToDictionary(name => name, _ => coefficient);
        return new(group.Config, group.Base.Encoder, taskVectors.ToImmutable(), coefficients);
    }

    static ExpertGroup Experts(MergeGroup group) => new(
        group.Ids, "the base model", new TensorsInMemory(group.Base.Encoder),
        [.. group.Ids.Select(ITensorStore (id) => new TensorsInMemory(group.Models[id].Encoder))], threads: 1);

    /// <summary>What trimming leaves of the changes of a tensor, without those that disagree with the elected sign.</summary>
    static float[][] Agreeing(float[][] changes, double density)
    {
        float[] thresholds = [.. changes.Select(change => LargestMagnitude(change, Math.Max(1, (int)Math.Ceiling(density * change.Length))))];
        float[][] agreeing = [.. changes.Select(change => new float[change.Length])];
        for (var i = 0; i < changes[0].Length; i++)
        {
            var sum = 0.0;
            for (var j = 0; j < changes.Length; j++)
                sum += MathF.Abs(changes[j][i]) >= thresholds[j] ? changes[j][i] : 0;
            for (var j = 0; j < changes.Length; j++)
            {
                if (MathF.Abs(changes[j][i]) >= thresholds[j] && Math.Sign(changes[j][i]) == Math.Sign(sum))
                    agreeing[j][i] = changes[j][i];
            }
        }
        return agreeing;
    }

    static float LargestMagnitude(float[] values, int rank)
    {
        var magnitudes = Array.ConvertAll(values, MathF.Abs);
        Array.Sort(magnitudes);
        return magnitudes[^rank];
    }

    // τᵢ − δ with δ = Σₖ aₖτₖ.
    static float[][] Disentangled(float[][] values, double[] shares) => [.. values.Select(value => (float[])[.. value.Select((change, position) =>
        (float)(change - shares.Select((share, task) => share * values[task][position]).Sum()))])];
}

/// <summary>An encoder whose tensors are weighed sums of task vectors: θ = θ₀ + Σᵢ λᵢτᵢ. It only lives while the coefficients are learned.</summary>
/// <param name="Config">Sizes of the encoder.</param>
/// <param name="Shared">θ₀.</param>
/// <param name="TaskVectors">τᵢ of each tensor that an item changed.</param>
/// <param name="Coefficients">λ, <c>[1, items]</c>: one for all tensors under <see cref="Coefficient"/>, or one for each.</param>
sealed record WeighedEncoder(
    BertConfig Config,
    IReadOnlyDictionary<string, Tensor> Shared,
    IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors,
    IReadOnlyDictionary<string, Tensor> Coefficients) : EncoderModel(Config, Shared)
{
    /// <summary>Name of the coefficients that all tensors share.</summary>
    public const string Coefficient = "coefficient";

    public override IReadOnlyDictionary<string, Tensor> Additional => Coefficients;

    public override IReadOnlyDictionary<string, ImmutableArray<TaskVector>> TaskVectors { get; } = TaskVectors;

    /// <summary>Name of a tensor's own coefficients.</summary>
    public static string CoefficientOf(string tensor) => $"{Coefficient}.{tensor}";

    public override EncoderGraph Build(Graph graph, Func<string, Shape, Node> declare)
    {
        Node? common = null;
        return new(graph, Config, EncoderWeights.Declare(Config, (name, shape) =>
        {
            var start = declare(name, shape);
            if (!TaskVectors.TryGetValue(name, out var experts))
                return start;
            var coefficients = Coefficients.ContainsKey(Coefficient)
                ? common ??= declare(Coefficient, [1, experts.Length])
                : declare(CoefficientOf(name), [1, experts.Length]);
            var stack = declare(TaskVector.StackOf(name), [experts.Length, shape.Size]);
            return coefficients.Gemm(stack, start.Reshape([shape.Size])).Reshape(shape);
        }));
    }

    /// <summary>The static encoder that the coefficients make.</summary>
    public StaticEncoder Fold() => new(Config, Shared.ToDictionary(tensor => tensor.Key, tensor =>
    {
        if (!TaskVectors.TryGetValue(tensor.Key, out var experts))
            return tensor.Value;
        var coefficients = (Coefficients.GetValueOrDefault(Coefficient) ?? Coefficients[CoefficientOf(tensor.Key)]).Values;
        float[] sum = [.. tensor.Value.Values], dense = new float[sum.Length];
        for (var expert = 0; expert < experts.Length; expert++)
        {
            experts[expert].CopyTo(dense);
            TensorPrimitives.MultiplyAdd(dense, coefficients[expert], sum, sum);
        }
        return tensor.Value with { Values = sum };
    }));
}
