using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>Which modules are critical: blended for every response instead of merged once.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CriticalModules>))]
public enum CriticalModules
{
    /// <summary>The MLPs, as in the paper.</summary>
    [JsonStringEnumMemberName("mlp")] Mlp,

    /// <summary>The attention projections.</summary>
    [JsonStringEnumMemberName("attention")] Attention,

    /// <summary>Both.</summary>
    [JsonStringEnumMemberName("both")] Both,

    /// <summary>In each layer the module that fine-tuning moved farther, by the L2 norm of its task vectors (WEMoE §3.1).</summary>
    [JsonStringEnumMemberName("most-changed")] MostChanged,
}

/// <summary>What experts are relative to.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExpertOrigin>))]
public enum ExpertOrigin
{
    /// <summary>The base model: experts are task vectors, as in the papers.</summary>
    [JsonStringEnumMemberName("base")] Base,

    /// <summary>The group's merge: experts are what it lacks of each item's model.</summary>
    [JsonStringEnumMemberName("shared")] Shared,
}

/// <summary>
/// A method after WEMoE (Tang et al. 2024, §3): everything is merged once but the critical modules, which become θ₀ + Σᵢ wᵢτᵢ with weights that a router gives for
/// every response.
/// </summary>
public abstract record WeightEnsemblingMethod : AdaptedMethod
{
    /// <summary>Initial weight λ of every expert: b₂ of the routers. Unitless; default 0.3, as in the paper.</summary>
    [Description("Initial weight λ of every expert in the critical modules.")]
    [Range(-2.0, 2.0)]
    public double Lambda { get; init; } = 0.3;

    /// <summary>How the static parts are merged. Default task arithmetic, as in the paper.</summary>
    [Description("How the static parts are merged.")]
    public SharedEncoder Shared { get; init; } = SharedEncoder.TaskArithmetic;

    /// <summary>Scale of the summed task vectors in the static parts, for task arithmetic. Default 0.3, as in the paper, which is too much for many items.</summary>
    [Description("Scale λ of the summed task vectors in the static parts, where they are merged by task arithmetic.")]
    [Range(0.0, 2.0)]
    public double SharedLambda { get; init; } = 0.3;

    /// <summary>What experts are relative to. Default the base model, as in the paper.</summary>
    [Description("What experts are relative to: the base model, or the merge they are put around.")]
    public ExpertOrigin Origin { get; init; }

    /// <summary>Which modules are critical. Default the MLPs, as in the paper.</summary>
    [Description("Which modules are blended for every response.")]
    public CriticalModules Critical { get; init; }

    /// <summary>First layer, counted from 0, with critical modules; those below stay static. Default 0.</summary>
    [Description("First layer, counted from 0, whose critical modules are blended.")]
    [Range(0, 1000)]
    public int FirstLayer { get; init; }

    /// <summary>Linear layers of a router: 0 (a constant), 1 or 2. Default 2, as in the paper.</summary>
    [Description("Linear layers of a router: 0 (a constant), 1 or 2.")]
    [Range(0, 2)]
    public int RouterDepth { get; init; } = 2;

    /// <summary>Standard deviation of routers' initial weights. Default 0.01, as in the public code.</summary>
    [Description("Standard deviation of the routers' initial weights.")]
    [Range(0.0, 1.0)]
    public double RouterDeviation { get; init; } = 0.01;

    /// <summary>Learning rate of the routers. Default 1e-4, as in the paper.</summary>
    [Description("Learning rate of the routers.")]
    [Range(1e-8, 1.0)]
    public double LearningRate { get; init; } = 1e-4;

    private protected override double Rate => LearningRate;

    /// <summary>How the routers are built.</summary>
    private protected abstract RouterLayout Layout { get; }

    /// <summary>An expert as it is kept.</summary>
    /// <param name="values">How an item's model differs from the origin in one tensor.</param>
    private protected abstract TaskVector Keep(float[] values);

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work)
    {
        var encoder = Untrained(group, work);
        var routers = Adapt(encoder, encoder.Routers.Keys, group, work);
        encoder = encoder with { Routers = routers };
        work.Findings.Routing = RoutingFindings.Of(encoder, group, work);
        return encoder;
    }

    /// <summary>The encoder with routers as they are initialized.</summary>
    internal WeightEnsemblingEncoder Untrained(MergeGroup group, MergeWork work)
    {
        if (FirstLayer >= group.Config.Layers)
            throw new MergeException($"method.firstLayer is {FirstLayer}; the encoder has layers 0 to {group.Config.Layers - 1}.");
        Merge.Check(group);
        var shared = new Dictionary<string, Tensor>(Shared.Make(SharedLambda, group, work));
        var origin = Origin == ExpertOrigin.Base ? group.Base.Encoder : shared;
        var changes = ModuleChange.Of(group);
        work.Findings.Changes = changes;
        (int Layer, RoutedModule Module)[] modules = [.. Modules(changes)];
        var experts = new Dictionary<string, ImmutableArray<TaskVector>>();
        foreach (var tensor in modules.SelectMany(routed => WeightEnsemblingEncoder.TensorsOf(routed.Layer, routed.Module)))
        {
            work.Stop.ThrowIfCancellationRequested();
            experts[tensor] = [.. group.Ids.Select(id => Keep(TaskVector.Difference(group.Models[id].Encoder[tensor].Values, origin[tensor].Values)))];
            shared[tensor] = origin[tensor];
        }
        return new(group.Config, shared, experts, Layout, Routers.Initialize(Layout.Shapes(group.Config, group.Ids.Length, modules), Lambda, RouterDeviation, Seed));
    }

    IEnumerable<(int Layer, RoutedModule Module)> Modules(ImmutableArray<ModuleChange> changes) =>
        from layer in changes
        where layer.Layer >= FirstLayer
        from module in Critical switch
        {
            CriticalModules.Mlp => new[] { RoutedModule.Mlp },
            CriticalModules.Attention => [RoutedModule.Attention],
            CriticalModules.Both => [RoutedModule.Attention, RoutedModule.Mlp],
            _ => [layer.Mlp.Norm >= layer.Attention.Norm ? RoutedModule.Mlp : RoutedModule.Attention],
        }
        select (layer.Layer, module);
}

/// <summary>WEMoE (Tang et al. 2024): dense task vectors, a router for each critical module.</summary>
[Description("Blends the MLPs for every response from the items' task vectors, by a router in each layer; merges everything else.")]
public sealed record WeightEnsembling : WeightEnsemblingMethod
{
    private protected override RouterLayout Layout => new(RouterDepth);

    private protected override TaskVector Keep(float[] values) => TaskVector.Dense(values);
}
