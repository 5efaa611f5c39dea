using System.Collections.Immutable;
using System.Diagnostics;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Forward;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Alignment;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Search;

namespace ScoringService.Merging;

/// <summary>
/// Walks a recipe through its stages, each a step from one record to the next:
/// features, alignment, plan, merged encoders, fitted heads, evaluation. What it returns is ready to be published as a bundle.
/// </summary>
/// <param name="sources">The base model, the items and their models.</param>
/// <param name="references">What the items' own models and the frozen base reach on the same responses.</param>
/// <param name="runtime">How encoders run; one thread each, since several passes are under way at once.</param>
/// <param name="threads">Forward passes, comparisons or head fits under way at once.</param>
/// <param name="rater">Rates items for the strategy <c>language-model</c>; null where there is no language model.</param>
/// <param name="time">Measures the budget of the method <c>auto</c>; null for the system's clock.</param>
public sealed class MergeRun(
    MergeSources sources, ReferenceScores references, RuntimeOptions runtime, int threads, SimilarityRater? rater = null, TimeProvider? time = null)
{
    const string AlignmentStage = "alignment", SearchStage = "search", MergingStage = "merging";

    // Share of an alignment's time that goes into features; the rest goes into comparisons.
    const double FeatureShare = 0.7;

    readonly ImmutableArray<string> itemIds = [.. sources.Items.Select(item => item.Id)];

    /// <summary>Directory where long training keeps its state, to go on from when the same merge is asked for again; null keeps nothing.</summary>
    public string? Unfinished { get; init; }

    /// <summary>Compares the item models' feature clouds by Gromov-Wasserstein distance.</summary>
    /// <param name="recipe">Which features.</param>
    /// <param name="progress">Told the share that is done, 0 to 1.</param>
    /// <param name="stop">Stops between batches and between comparisons.</param>
    public AlignmentMatrix Align(FeatureRecipe recipe, IProgress<double> progress, CancellationToken stop) =>
        AlignmentMatrix.Of(Compare(recipe, progress, stop), threads, Comparing(progress), stop);

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
        MergeRecipe recipe, MergeMethod method, AlignmentMatrix? alignment, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var stages = StagesOf(recipe.Grouping, method, alignment, progress);
        var planned = Plan(recipe.Grouping, alignment, stages, stop);
        var plan = planned.Plan;

        var groups = new Dictionary<string, MergedGroup>();
        SearchReport? search = null;
        if (method is Auto auto)
        {
            var found = Search(auto, recipe, plan, stages.Of(SearchStage), stop);
            (method, search) = (found.Method, found.Report);
            foreach (var (group, tried) in plan.Groups.Zip(found.Groups))
                groups.Add(KeyOf(group), MergeGroup(method, recipe.Heads, group, Work(stages.Of(MergingStage), stop), tried));
        }

        ImmutableHashSet<string> unmerged = [];
        while (true)
        {
            var merged = MergeGroups(method, recipe.Heads, plan, groups, stages.Of(MergingStage), stop);
            var breaches = merged.SelectMany(group => Breaches(group, recipe.Floor)).ToImmutableArray();
            if (breaches.IsEmpty || recipe.Floor.OnBreach == FloorBreach.Keep)
                return new(merged, Report(recipe, merged, unmerged, planned, search));
            if (recipe.Floor.OnBreach == FloorBreach.Fail)
                throw FloorException.Of(breaches, recipe.Floor);

            // The rest of the group is merged again without the item: what it was merged with no longer pulls at the others.
            unmerged = unmerged.Union(breaches);
            var rest = plan.Groups.Select(group => group.RemoveAll(breaches.Contains)).Where(group => !group.IsEmpty);
            plan = MergePlan.Of([.. rest, .. breaches.Select(id => ImmutableArray.Create(id))], itemIds);
        }
    }

    /// <summary>How a run's time is expected to fall to its stages: what the recipe does not ask for takes none.</summary>
    static StageTracker StagesOf(GroupingRecipe grouping, MergeMethod method, AlignmentMatrix? alignment, IProgress<StageProgress> progress)
    {
        var planning = grouping.Strategy switch
        {
            GroupingStrategy.GromovWasserstein when alignment is null => 0.3,
            GroupingStrategy.LanguageModel => 0.1,
            _ => 0,
        };
        // A search makes the encoders; what is left is to read the chosen one's on test responses, and what the floor still asks for.
        var searching = method is Auto ? 0.9 * (1 - planning) : 0;
        return new(progress, (AlignmentStage, planning), (SearchStage, searching), (MergingStage, 1 - planning - searching));
    }

    SearchOutcome Search(Auto auto, MergeRecipe recipe, MergePlan plan, IProgress<StageProgress> progress, CancellationToken stop)
    {
        // Test responses are not at hand in a trial, so that nothing can be chosen by them.
        var blind = new MergeRun(sources with { Items = [.. sources.Items.Select(item => item.WithoutTest())] }, references, runtime, threads)
        {
            Unfinished = Unfinished,
        };
        var candidates = Auto.Candidates(itemModels: sources.Items.All(item => sources.Models.ContainsKey(item.Id)));
        return new MethodSearch(auto, time ?? TimeProvider.System).Run(
            candidates, (method, share) => blind.Try(method, recipe, plan, share, stop), progress, stop);
    }

    Trial Try(MergeMethod method, MergeRecipe recipe, MergePlan plan, IProgress<StageProgress> progress, CancellationToken stop)
    {
        var groups = MergeGroups(method, recipe.Heads, plan, [], progress, stop);
        return Trial.Of(groups, groups.SelectMany(group => group.Items).Select(item => HoldsFloor(item, recipe.Floor)).OfType<bool>());
    }

    /// <summary>Merges the groups of a plan.</summary>
    /// <param name="method">How.</param>
    /// <param name="heads">What happens to the heads.</param>
    /// <param name="plan">The groups.</param>
    /// <param name="known">Groups that are merged already; receives the others.</param>
    /// <param name="progress">Told the share of the groups that is done.</param>
    /// <param name="stop">Gives up within a second or so.</param>
    ImmutableArray<MergedGroup> MergeGroups(
        MergeMethod method, HeadRecipe heads, MergePlan plan, Dictionary<string, MergedGroup> known, IProgress<StageProgress> progress,
        CancellationToken stop)
    {
        foreach (var (index, group) in plan.Groups.Index())
        {
            var message = $"group {index + 1} of {plan.Groups.Length}: {string.Join(", ", group)}";
            progress.Report(new(MergingStage, (double)index / plan.Groups.Length, message));
            if (known.ContainsKey(KeyOf(group)))
                continue;
            var share = new InlineProgress<StageProgress>(step => progress.Report(
                new(MergingStage, (index + step.Fraction) / plan.Groups.Length, $"{message}: {step.Message}")));
            known.Add(KeyOf(group), MergeGroup(method, heads, group, Work(share, stop)));
        }
        return [.. plan.Groups.Select(group => known[KeyOf(group)])];
    }

    MergeWork Work(IProgress<StageProgress> progress, CancellationToken stop) => new(runtime, threads, progress, stop) { Unfinished = Unfinished };

    static string KeyOf(ImmutableArray<string> group) => string.Join('\n', group);

    PlannedGroups Plan(GroupingRecipe grouping, AlignmentMatrix? alignment, StageTracker stages, CancellationToken stop)
    {
        var aligning = new InlineProgress<double>(done =>
            stages.Report(AlignmentStage, done, $"Gromov-Wasserstein distances of {itemIds.Length} item models"));
        switch (grouping.Strategy)
        {
            case GroupingStrategy.GromovWasserstein when grouping.Prune && alignment is null:
                return PlannedGroups.Pruned(grouping, Compare(grouping.Features, aligning, stop), threads, Comparing(aligning), stop);
            case GroupingStrategy.GromovWasserstein:
                return PlannedGroups.Of(grouping, alignment ?? Align(grouping.Features, aligning, stop));
            case GroupingStrategy.Expert:
                return PlannedGroups.Of(grouping, itemIds, grouping.Similarity
                    ?? throw new MergePlanException("The strategy 'expert' needs grouping.similarity."));
            case GroupingStrategy.LanguageModel when rater is null:
                throw new MergePlanException("The strategy 'language-model' needs a language model.");
            case GroupingStrategy.LanguageModel:
                stages.Report(AlignmentStage, 0, $"a language model rates the similarity of {itemIds.Length} items");
                var rated = rater.Rate([.. sources.Items.Select(item => item.Data.Item)], stop).GetAwaiter().GetResult();
                return PlannedGroups.Of(grouping, itemIds, rated.Similarity, rated.Provenance);
            default:
                return PlannedGroups.Of(grouping, itemIds);
        }
    }

    CloudComparison Compare(FeatureRecipe recipe, IProgress<double> progress, CancellationToken stop)
    {
        var clouds = new List<ItemCloud>();
        foreach (var item in sources.Items)
        {
            clouds.Add(FeatureClouds.Of(sources.Models[item.Id], item, recipe, runtime, threads, stop));
            progress.Report(FeatureShare * clouds.Count / sources.Items.Length);
        }
        return CloudComparison.Of(clouds, threads, recipe.Restarts, recipe.Seed, recipe.Output, stop);
    }

    static InlineProgress<double> Comparing(IProgress<double> progress) =>
        new(done => progress.Report(FeatureShare + ((1 - FeatureShare) * done)));

    /// <summary>Merges one group and fits and judges its heads.</summary>
    /// <param name="method">How.</param>
    /// <param name="heads">What happens to the heads.</param>
    /// <param name="group">Ids of its items.</param>
    /// <param name="work">How it runs.</param>
    /// <param name="tried">The same group by the same method, from a trial; null to make the encoder.</param>
    MergedGroup MergeGroup(MergeMethod method, HeadRecipe heads, ImmutableArray<string> group, MergeWork work, MergedGroup? tried = null)
    {
        var stop = work.Stop;
        if (method is FrozenBase)
            return new(BaseEncoder(), [.. group.Select(id => references.FrozenBase[id])], TimeSpan.Zero, 0);
        // An item alone keeps its model, head and all: fitting again could only move it away from what its own report says.
        if (group is [var alone] && sources.Models.TryGetValue(alone, out var own))
            return new(new StaticEncoder(own.Config, own.Encoder), [new(sources.Item(alone), own.Head, references.Own[alone])], TimeSpan.Zero, 0);

        var (encoder, findings) = tried is null ? Make() : (tried.Encoder, tried.Findings);
        using var session = EncoderEngines.Open(encoder, new EncoderOutput(), runtime);
        var started = Stopwatch.GetTimestamp();
        PooledItem[] pooled = [.. group.Select((id, expert) => PooledItem.From(session, sources.Item(id), threads, stop, expert))];
        var elapsed = Stopwatch.GetElapsedTime(started);

        var fitted = new FittedItem[pooled.Length];
        Parallel.For(0, pooled.Length, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = stop }, i =>
            fitted[i] = FittedItem.Of(pooled[i], OwnHead(pooled[i].Item.Id), heads.Retune, stop));
        var responses = pooled.Sum(item => item.Item.Train.Length + item.Item.Validation.Length + item.Item.Test.Length);
        return new(encoder, [.. fitted], elapsed, responses) { Findings = findings };

        // An encoder that was not made from the items' models is nothing to their heads.
        Head? OwnHead(string id) => method.NeedsItemModels ? sources.Models.GetValueOrDefault(id)?.Head : null;

        (EncoderModel Encoder, MethodFindings? Findings) Make()
        {
            var members = new MergeGroup(sources.Base, [.. group.Select(sources.Item)], sources.Models) { Made = sources.Made };
            var made = method.MakeEncoder(members, work);
            work.Findings.Routing ??= RoutingFindings.Of(made, members, work);
            return (made, work.Findings);
        }
    }

    StaticEncoder BaseEncoder() => new(sources.Base.Config, sources.Base.Encoder);

    IEnumerable<string> Breaches(MergedGroup group, FloorRecipe floor) =>
        group.Items.Length == 1 ? [] : group.Items.Where(item => HoldsFloor(item, floor) == false).Select(item => item.Item.Id);

    bool? HoldsFloor(FittedItem item, FloorRecipe floor) =>
        floor.MaxDrop is { } maxDrop && references.Own.GetValueOrDefault(item.Item.Id)?.Validation is { } own && item.Scores.Validation is { } served
            ? floor.Value(own) - floor.Value(served) <= maxDrop
            : null;

    MergeReport Report(
        MergeRecipe recipe, ImmutableArray<MergedGroup> groups, ImmutableHashSet<string> unmerged, PlannedGroups planned, SearchReport? search)
    {
        var items = (
            from merged in groups.Select((entry, index) => (entry.Items, Encoder: MergedItems.EncoderName(index)))
            from item in merged.Items
            orderby itemIds.IndexOf(item.Item.Id)
            let id = item.Item.Id
            select ItemReport.Of(
                item, references.Own.GetValueOrDefault(id), references.FrozenBase[id].Scores, merged.Encoder, merged.Items.Length > 1) with
            {
                Unmerged = unmerged.Contains(id),
                HoldsFloor = HoldsFloor(item, recipe.Floor),
            }).ToImmutableArray();

        (items, var comparison) = Comparison.Of(items, seed: 0);

        ImmutableArray<EncoderFindings> findings =
        [
            .. from entry in groups.Select((merged, index) => (merged.Findings, Encoder: MergedItems.EncoderName(index)))
               where entry.Findings is { Changes: not null } or { Routing: not null }
               select new EncoderFindings(entry.Encoder, entry.Findings.Changes, entry.Findings.Routing),
        ];
        var (encoderTime, responses) = (groups.Sum(group => group.EncoderTime.TotalMilliseconds), groups.Sum(group => group.Responses));
        return new()
        {
            Method = MethodOf(recipe, search) with { Findings = findings },
            Alignment = planned.Alignment is { } alignment ? alignment with { PlannedGroups = planned.Plan.Groups.Length } : null,
            Provenance = planned.Provenance,
            Groups = [.. groups.Select((group, index) =>
                new GroupReport(MergedItems.EncoderName(index), [.. group.Items.Select(item => item.Item.Id)]))],
            Items = items,
            All = TotalReport.Of(items),
            MergedOnly = items.Any(item => item.Merged) ? TotalReport.Of([.. items.Where(item => item.Merged)]) : null,
            Encoders = groups.Length,
            Parameters = groups.Sum(group => group.Parameters),
            MillisecondsPerResponse = responses == 0 ? references.MillisecondsPerResponse : encoderTime / responses,
            Comparison = comparison,
            Search = search,
            Warnings = [.. ReportWarnings.Of(items, recipe.Floor), .. ReportWarnings.Of(findings), .. ReportWarnings.Of(search)],
        };
    }

    static MethodReport MethodOf(MergeRecipe recipe, SearchReport? search)
    {
        var method = new MethodReport(recipe.Method.GetProperty("name").GetString()!, recipe.Method);
        return search?.Chosen is not { } chosen ? method : method with
        {
            Chosen = chosen.Method,
            Provenance = $"{chosen.Name} was chosen by validation responses alone, of "
                + $"{search.Candidates.Count(candidate => candidate.Reason is null)} methods that were tried.",
        };
    }
}
