using System.Collections.Immutable;
using System.Diagnostics;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;

namespace ScoringService.Merging;

/// <summary>
/// Walks a recipe through its stages, each a step from one record to the next:
/// features, alignment, plan, merged encoders, fitted heads, evaluation. What it returns is ready to be published as a bundle.
/// </summary>
/// <param name="sources">The base model, the items and their models.</param>
/// <param name="references">What the items' own models and the frozen base reach on the same responses.</param>
/// <param name="runtime">How encoders run; one thread each, since several passes are under way at once.</param>
/// <param name="threads">Forward passes, comparisons or head fits under way at once.</param>
public sealed class MergeRun(MergeSources sources, ReferenceScores references, RuntimeOptions runtime, int threads)
{
    const string AlignmentStage = "alignment", MergingStage = "merging";

    readonly ImmutableArray<string> _itemIds = [.. sources.Items.Select(item => item.Id)];

    /// <summary>Compares the item models' feature clouds by Gromov-Wasserstein distance.</summary>
    /// <param name="recipe">Which features.</param>
    /// <param name="progress">Told the share that is done, 0 to 1.</param>
    /// <param name="stop">Stops between batches and between comparisons.</param>
    public AlignmentMatrix Align(FeatureRecipe recipe, IProgress<double> progress, CancellationToken stop)
    {
        var clouds = new List<KeyValuePair<string, Tensor>>();
        foreach (var item in sources.Items)
        {
            clouds.Add(new(item.Id, FeatureClouds.Of(sources.Models[item.Id], item, recipe, runtime, threads, stop)));
            progress.Report(0.7 * clouds.Count / sources.Items.Length);
        }
        return AlignmentMatrix.Of(clouds, threads, new InlineProgress<double>(done => progress.Report(0.7 + (0.3 * done))), stop);
    }

    /// <summary>Runs all stages.</summary>
    /// <param name="recipe">What to do; validated.</param>
    /// <param name="method">The recipe's method.</param>
    /// <param name="alignment">An alignment made earlier with the same features, or null to make it.</param>
    /// <param name="progress">Where the run stands.</param>
    /// <param name="stop">Gives up within a second or so.</param>
    /// <exception cref="MergeException">Item models do not fit together.</exception>
    /// <exception cref="MergePlanException">The groups asked for are impossible.</exception>
    /// <exception cref="FloorException">An item breaches the floor, and the recipe says to fail.</exception>
    public MergedItems Run(
        MergeRecipe recipe, StaticMethod method, AlignmentMatrix? alignment, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var stages = new StageTracker(progress, (AlignmentStage, 0.3), (MergingStage, 0.7));
        var (plan, alignmentReport) = Plan(recipe.Grouping, alignment, stages, stop);

        var groups = new Dictionary<string, MergedGroup>();
        ImmutableHashSet<string> unmerged = [];
        while (true)
        {
            foreach (var (group, index) in plan.Groups.Select((group, index) => (group, index)))
            {
                stages.Report(MergingStage, (double)index / plan.Groups.Length, $"group {index + 1} of {plan.Groups.Length}: {string.Join(", ", group)}");
                var key = string.Join('\n', group);
                if (!groups.ContainsKey(key))
                    groups.Add(key, MergeGroup(method, recipe.Heads, group, stop));
            }

            var merged = plan.Groups.Select(group => groups[string.Join('\n', group)]).ToImmutableArray();
            var breaches = merged.SelectMany(group => Breaches(group, recipe.Floor)).ToImmutableArray();
            if (breaches.IsEmpty || recipe.Floor.OnBreach == FloorBreach.Keep)
                return new(merged, Report(recipe, merged, unmerged, alignmentReport));
            if (recipe.Floor.OnBreach == FloorBreach.Fail)
                throw new FloorException($"{string.Join(", ", breaches)} would fall more than {recipe.Floor.MaxDrop} {recipe.Floor.Metric} below their own models. "
                    + "Nothing was published. Allow more groups, another method, a larger floor.maxDrop, or floor.onBreach 'unmerge'.");

            // The rest of the group is merged again without the item: what it was merged with no longer pulls at the others.
            unmerged = unmerged.Union(breaches);
            plan = MergePlan.Of(
                plan.Groups.Select(group => group.RemoveAll(breaches.Contains)).Where(group => !group.IsEmpty).Concat(breaches.Select(id => ImmutableArray.Create(id)))
                    .Select(group => group.AsEnumerable()),
                _itemIds);
        }
    }

    (MergePlan Plan, AlignmentReport? Report) Plan(GroupingRecipe grouping, AlignmentMatrix? alignment, StageTracker stages, CancellationToken stop)
    {
        if (!Grouping.NeedsAlignment(grouping))
            return (Grouping.Plan(grouping, _itemIds, null), null);
        alignment ??= Align(
            grouping.Features,
            new InlineProgress<double>(done => stages.Report(AlignmentStage, done, $"Gromov-Wasserstein distances of {_itemIds.Length} item models")),
            stop);
        var dendrogram = AverageLinkage.Cluster(alignment, grouping.MaxGroupSize);
        return (Grouping.Plan(grouping, _itemIds, dendrogram), AlignmentReport.Of(alignment, dendrogram));
    }

    MergedGroup MergeGroup(StaticMethod method, HeadRecipe heads, ImmutableArray<string> group, CancellationToken stop)
    {
        if (method is FrozenBase)
            return new(sources.Base.Encoder, [.. group.Select(id => references.FrozenBase[id])], TimeSpan.Zero, 0);
        var encoder = Merge.Combine(method, sources.Base.Encoder, group, sources.Models, stop);
        // An item alone keeps its model, head and all: fitting again could only move it away from what its own report says.
        if (group is [var alone])
            return new(encoder, [new(sources.Item(alone), sources.Models[alone].Head, references.Own[alone])], TimeSpan.Zero, 0);

        using var session = EncoderSession.Create(sources.Base.Config, encoder, new EncoderOutput(), runtime);
        var started = Stopwatch.GetTimestamp();
        PooledItem[] pooled = [.. group.Select(id => PooledItem.From(session, sources.Item(id), threads, stop))];
        var elapsed = Stopwatch.GetElapsedTime(started);

        var fitted = new FittedItem[pooled.Length];
        Parallel.For(0, pooled.Length, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, i =>
            fitted[i] = FittedItem.Of(pooled[i], sources.Models.GetValueOrDefault(pooled[i].Item.Id)?.Head, heads.Retune, stop));
        return new(encoder, [.. fitted], elapsed, pooled.Sum(item => item.Item.Train.Length + item.Item.Validation.Length + item.Item.Test.Length));
    }

    IEnumerable<string> Breaches(MergedGroup group, FloorRecipe floor) =>
        group.Items.Length == 1 ? [] : group.Items.Where(item => HoldsFloor(item, floor) == false).Select(item => item.Item.Id);

    bool? HoldsFloor(FittedItem item, FloorRecipe floor) =>
        floor.MaxDrop is { } maxDrop && references.Own.GetValueOrDefault(item.Item.Id)?.Validation is { } own && item.Scores.Validation is { } served
            ? floor.Value(own) - floor.Value(served) <= maxDrop
            : null;

    MergeReport Report(MergeRecipe recipe, ImmutableArray<MergedGroup> groups, ImmutableHashSet<string> unmerged, AlignmentReport? alignment)
    {
        var items = (
            from merged in groups.Select((entry, index) => (entry.Items, Encoder: MergedItems.EncoderName(index)))
            from item in merged.Items
            orderby _itemIds.IndexOf(item.Item.Id)
            select new ItemReport
            {
                ItemId = item.Item.Id,
                Encoder = merged.Encoder,
                Merged = merged.Items.Length > 1,
                Unmerged = unmerged.Contains(item.Item.Id),
                HoldsFloor = HoldsFloor(item, recipe.Floor),
                Own = references.Own.GetValueOrDefault(item.Item.Id),
                FrozenBase = references.FrozenBase[item.Item.Id].Scores,
                Served = item.Scores,
            }).ToImmutableArray();

        var timed = groups.Where(group => group.Responses > 0).ToArray();
        return new()
        {
            Alignment = alignment,
            Groups = [.. groups.Select((group, index) => new GroupReport(MergedItems.EncoderName(index), [.. group.Items.Select(item => item.Item.Id)]))],
            Items = items,
            All = TotalReport.Of(items),
            MergedOnly = items.Any(item => item.Merged) ? TotalReport.Of([.. items.Where(item => item.Merged)]) : null,
            Encoders = groups.Length,
            Parameters = groups.Sum(group => group.Encoder.Values.Sum(tensor => (long)tensor.Length) + group.Items.Sum(item => (long)item.Head.Weight.Length + item.Head.Bias.Length)),
            MillisecondsPerResponse = timed.Length == 0 ? references.MillisecondsPerResponse : timed.Sum(group => group.EncoderTime.TotalMilliseconds) / timed.Sum(group => group.Responses),
        };
    }
}

/// <summary>The encoders and heads a merge arrived at, and the report on them.</summary>
/// <param name="Groups">The groups in the order of the plan.</param>
/// <param name="Report">What they reach and cost.</param>
public sealed record MergedItems(ImmutableArray<MergedGroup> Groups, MergeReport Report)
{
    /// <summary>Name of a group's encoder: <c>e0</c>, <c>e1</c>, …</summary>
    public static string EncoderName(int group) => $"e{group}";
}

/// <summary>One group after the merge.</summary>
/// <param name="Encoder">The encoder its items share, by tensor name.</param>
/// <param name="Items">Its items with their heads.</param>
/// <param name="EncoderTime">Time the encoder took over all their responses; zero where it was not run.</param>
/// <param name="Responses">Responses it was run over.</param>
public sealed record MergedGroup(IReadOnlyDictionary<string, Tensor> Encoder, ImmutableArray<FittedItem> Items, TimeSpan EncoderTime, int Responses);

/// <summary>An item on top of the encoder that serves it.</summary>
/// <param name="Item">The item and its responses.</param>
/// <param name="Head">The head it is served with.</param>
/// <param name="Scores">What the two reach together.</param>
public sealed record FittedItem(TokenizedItem Item, Head Head, SplitScores Scores)
{
    /// <summary>Fits the head, or keeps the item's own, and evaluates it.</summary>
    /// <param name="pooled">The encoder's output on the item's responses.</param>
    /// <param name="own">The head the item was trained with; null where it has no model.</param>
    /// <param name="retune">Whether to fit the head again; an item without a head of its own gets one in any case.</param>
    /// <param name="stop">Stops between candidates.</param>
    public static FittedItem Of(PooledItem pooled, Head? own, bool retune, CancellationToken stop)
    {
        var data = pooled.Item.Data;
        var head = retune || own is null
            ? HeadFitter.Fit(data.Item, new(pooled.Train, data.Train), new(pooled.Validation, data.Validation), own, stop).Head
            : own;
        return new(pooled.Item, head, SplitScores.Of(pooled, head));
    }
}

/// <summary>Items that fall below the floor of a recipe that says to fail.</summary>
public sealed class FloorException(string message) : Exception(message);

/// <summary>Reports on the caller's thread; <see cref="Progress{T}"/> would reorder reports through the thread pool.</summary>
sealed class InlineProgress<T>(Action<T> report) : IProgress<T>
{
    /// <inheritdoc/>
    public void Report(T value) => report(value);
}
