using System.Collections.Immutable;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using ScoringService.Inference.Encoders;

namespace ScoringService.Merging.Methods;

/// <summary>
/// No method of its own: tries <see cref="Candidates"/>, cheap ones first, on validation responses alone, and keeps the best that holds the recipe's
/// floor at the fewest bytes. The search belongs to the run, which knows heads and floor.
/// </summary>
[Description("Tries methods, cheap ones first, under a time budget and keeps the best on validation that holds the floor, at the fewest bytes.")]
public sealed record Auto : MergeMethod
{
    /// <summary>Time after which no further candidate is started, in minutes; one is finished in any case. Default 30.</summary>
    [Description("Minutes after which no further candidate is started; one is finished in any case.")]
    [Range(0.0, 10_080.0)]
    public double BudgetMinutes { get; init; } = 30;

    /// <summary>Mean validation QWK that may be given up for fewer bytes, against the best candidate that holds the floor. Default 0.005.</summary>
    [Description("Mean QWK on validation that may be given up for fewer bytes.")]
    [Range(0.0, 1.0)]
    public double Tolerance { get; init; } = 0.005;

    /// <inheritdoc/>
    [JsonIgnore] public override bool NeedsItemModels => false;

    /// <inheritdoc/>
    [JsonIgnore] public override bool UsesItemModels => true;

    /// <summary>What is tried, in this order.</summary>
    /// <param name="itemModels">Whether every item has a model. Without, only what needs none is left.</param>
    public static ImmutableArray<(string Name, MergeMethod Method)> Candidates(bool itemModels)
    {
        (string, MergeMethod) frozenBase = ("frozen-base", new FrozenBase()), multiTask = ("multi-task", new MultiTask());
        return itemModels
            ?
            [
                ("simple-average", new SimpleAverage()),
                frozenBase,
                ("ties, mean, λ = 1", new Ties { Merge = DisjointMerge.Mean, Lambda = 1 }),
                ("task-arithmetic, λ = 0.3", new TaskArithmetic { Lambda = 0.3 }),
                ("regmean", new RegMean()),
                LowRankOnRegMean(4),
                LowRankOnRegMean(8),
                LowRankOnRegMean(16),
                ("distill", new Distill()),
                multiTask,
            ]
            : [frozenBase, multiTask];

        static (string, MergeMethod) LowRankOnRegMean(int rank) =>
            ($"low-rank, rank {rank}, on regmean", new LowRank { Rank = rank, Shared = SharedEncoder.RegMean });
    }

    /// <inheritdoc/>
    protected internal override EncoderModel MakeEncoder(MergeGroup group, MergeWork work) =>
        throw new InvalidOperationException("'auto' makes no encoder itself: MergeRun searches for a method that does.");
}
