using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using ScoringService.Inference.Bundles;
using ScoringService.Inference.Checkpoints;
using ScoringService.Inference.Encoders;
using ScoringService.Inference.Scoring;
using ScoringService.Merging.Data;
using ScoringService.Merging.Evaluation;
using ScoringService.Merging.Features;
using ScoringService.Merging.Heads;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Planning;
using ScoringService.Merging.Recipes;
using ScoringService.Merging.Tests.Methods;
using ScoringService.Merging.Tests.Training;
using ScoringService.Merging.Training;

namespace ScoringService.Merging.Tests;

/// <summary>The stages together, on a two-layer encoder and items whose label follows from one token: everything real but small.</summary>
public sealed class MergeRunTests
{
    static readonly RuntimeOptions Runtime = new() { Threads = 1 };
    static readonly string[] Ids = ["a", "b", "c", "d"];
    static readonly MergeSources Sources = MakeSources(seed: 7);
    static readonly ReferenceScores References = ReferenceScores.Of(Sources, Runtime, 2, Silent<StageProgress>(), default);

    [Fact]
    public void Without_groups_every_item_keeps_its_model_bit_for_bit()
    {
        var merged = Run(new() { Strategy = GroupingStrategy.None });

        Assert.Equal(Ids, merged.Report.Items.Select(item => item.ItemId));
        Assert.Equal(4, merged.Report.Encoders);
        Assert.Null(merged.Report.MergedOnly);
        Assert.All(merged.Groups, group =>
        {
            var model = Sources.Models[Assert.Single(group.Items).Item.Id];
            Assert.Same(model.Encoder, group.Encoder.Shared);
            Assert.Same(model.Head, group.Items[0].Head);
        });
        Assert.Equal(1, merged.Report.All.RecoveredGain!.Value, 1e-12);
    }

    /// <summary>All methods but the frozen base, which ignores item models; multi-task training serves an item's own where it has one.</summary>
    public static TheoryData<MergeMethod> Merging =>
        [.. EveryMethod.All.Where(method => method is not FrozenBase).DistinctBy(method => method.GetType())];

    [Theory]
    [MemberData(nameof(Merging))]
    public void Whatever_the_method_an_item_alone_keeps_its_model_head_and_all(MergeMethod method)
    {
        var groups = JsonSerializer.SerializeToElement(new[] { new[] { "a" }, ["b"], ["c"], ["d"] });
        var merged = Run(new() { Strategy = GroupingStrategy.Manual, Groups = groups }, method);

        Assert.All(merged.Groups, group =>
        {
            var item = Assert.Single(group.Items);
            Assert.Same(Sources.Models[item.Item.Id].Encoder, group.Encoder.Shared);
            Assert.Same(Sources.Models[item.Item.Id].Head, item.Head);
        });
    }

    [Theory]
    [MemberData(nameof(Merging))]
    public void Whatever_the_method_heads_that_are_not_retuned_stay_and_labels_keep_their_order(MergeMethod method)
    {
        var merged = Run(new() { Strategy = GroupingStrategy.One }, method, retune: false);

        Assert.Equal(Ids, merged.Groups.Single().Items.Select(item => item.Item.Id));
        Assert.All(merged.Groups.Single().Items, item =>
        {
            // The encoder of a method that needs no item models is nothing to their heads.
            Assert.Equal(method.NeedsItemModels, ReferenceEquals(Sources.Models[item.Item.Id].Head, item.Head));
            Assert.Equal("0,1", string.Join(',', item.Item.Data.Item.Labels));
        });
        Assert.All(merged.Report.Items, item => Assert.Equal(["0", "1"], item.Labels.Select(label => label.Label)));
    }

    [Fact]
    public void The_frozen_base_serves_the_base_encoder_and_recovers_nothing()
    {
        var merged = Run(new() { Strategy = GroupingStrategy.One }, method: new { name = "frozen-base" });

        Assert.Same(Sources.Base.Encoder, Assert.Single(merged.Groups).Encoder.Shared);
        Assert.Equal(0, merged.Report.All.RecoveredGain!.Value, 1e-12);
    }

    [Fact]
    public void Distances_decide_the_groups_and_the_report_shows_them()
    {
        var merged = Run(new() { Groups = JsonSerializer.SerializeToElement(2), Features = new() { Samples = 24, Layer = -2 } });

        var alignment = Assert.IsType<AlignmentReport>(merged.Report.Alignment);
        Assert.Equal(Ids, alignment.ItemIds);
        Assert.Equal(3, alignment.Dendrogram.Length);
        Assert.Equal(2, merged.Groups.Length);
        Assert.Equal(Ids, merged.Report.Groups.SelectMany(group => group.ItemIds).Order());
        Assert.Equal(merged.Report.Items.Count(item => item.Merged), merged.Report.MergedOnly!.Items);
    }

    [Fact]
    public void Pruning_leaves_the_groups_as_they_are_and_the_report_says_what_was_compared()
    {
        foreach (var groups in new[] { 2, 3 })
        {
            var grouping = new GroupingRecipe { Groups = JsonSerializer.SerializeToElement(groups), Features = new() { Samples = 24, Layer = -2 } };
            var (whole, pruned) = (Run(grouping).Report, Run(grouping with { Prune = true }).Report);

            Assert.Equal(Describe(whole), Describe(pruned));
            Assert.Equal(6, whole.Alignment!.PairsCompared);
            Assert.InRange(pruned.Alignment!.PairsCompared!.Value, 1, 6);
            Assert.Equal(4 - groups, pruned.Alignment.Dendrogram.Length);
        }
    }

    [Fact]
    public void Several_draws_of_responses_show_how_far_distances_can_be_trusted()
    {
        var features = new FeatureRecipe { Samples = 24, Layer = -2, Repeats = 3, Restarts = 2 };

        var alignment = Run(new() { Groups = JsonSerializer.SerializeToElement(2), Features = features }).Report.Alignment!;

        var deviations = Assert.NotNull(alignment.Deviations);
        for (var i = 0; i < Ids.Length; i++)
        {
            for (var j = 0; j < Ids.Length; j++)
                Assert.True(i == j ? deviations[i][j] == 0 : deviations[i][j] > 0, $"{i},{j}: {deviations[i][j]}");
        }
    }

    [Fact]
    public void A_draw_of_all_responses_has_no_spread()
    {
        var features = new FeatureRecipe { Samples = 1000, Layer = -2, Repeats = 2 };

        var alignment = Run(new() { Groups = JsonSerializer.SerializeToElement(2), Features = features }).Report.Alignment!;

        Assert.All(alignment.Deviations!.Value.SelectMany(row => row), deviation => Assert.Equal(0, deviation!.Value, 1e-6));
    }

    [Fact]
    public void Experts_decide_the_groups_by_their_similarities()
    {
        ImmutableArray<ImmutableArray<double>> similarity = [[1, .1, .9, .1], [.1, 1, .1, .2], [.9, .1, 1, .1], [.1, .2, .1, 1]];

        var report = Run(new() { Strategy = GroupingStrategy.Expert, Similarity = similarity, Groups = JsonSerializer.SerializeToElement(3) }).Report;

        Assert.Equal("a,c | b | d", Describe(report));
        Assert.Equal(similarity, report.Alignment!.Similarity);
        Assert.Null(report.Provenance);
    }

    [Fact]
    public void A_language_model_decides_the_groups_and_the_report_holds_what_it_was_asked()
    {
        const string Ratings = """
            {"ratings":[{"a":1,"b":2,"similarity":0.1},{"a":1,"b":3,"similarity":0.1},{"a":1,"b":4,"similarity":0.9},
            {"a":2,"b":3,"similarity":0.3},{"a":2,"b":4,"similarity":0.1},{"a":3,"b":4,"similarity":0.1}]}
            """;
        var rater = new SimilarityRater(new("host", "o1", (_, _) => Task.FromResult(new LanguageModelAnswer(null, Ratings))));
        var grouping = new GroupingRecipe { Strategy = GroupingStrategy.LanguageModel, Groups = JsonSerializer.SerializeToElement(2) };

        var report = RunRecipe(Recipe(grouping, new { name = "simple-average" }, new(), true), rater).Report;

        Assert.Equal("a,d | b,c", Describe(report));
        Assert.Equal(Ratings, Assert.Single(report.Provenance!.Exchanges).Answer);
        var refusal = Assert.Throws<MergePlanException>(() => Run(grouping));
        Assert.Contains("language model", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_same_recipe_makes_the_same_encoders_and_heads()
    {
        var (first, second) = (Run(new() { Strategy = GroupingStrategy.One }), Run(new() { Strategy = GroupingStrategy.One }));

        foreach (var (name, tensor) in first.Groups[0].Encoder.Shared)
            Assert.Equal(tensor.Values, second.Groups[0].Encoder.Shared[name].Values);
        Assert.Equal(
            first.Groups[0].Items.Select(item => item.Head.Weight.Values), second.Groups[0].Items.Select(item => item.Head.Weight.Values));
    }

    [Fact]
    public void An_item_below_the_floor_gets_its_own_encoder_back()
    {
        // Heads are not fitted again, so that items do fall.
        var floor = new FloorRecipe { Metric = FloorMetric.Accuracy, MaxDrop = 0, OnBreach = FloorBreach.Unmerge };
        var merged = Run(new() { Strategy = GroupingStrategy.One }, floor: floor, retune: false);

        var unmerged = merged.Report.Items.Where(item => item.Unmerged).ToArray();
        Assert.NotEmpty(unmerged);
        Assert.All(unmerged, item => Assert.False(item.Merged));
        Assert.All(merged.Report.Items, item => Assert.True(item.Served.Validation!.Accuracy >= item.Own!.Validation!.Accuracy, item.ItemId));
    }

    [Fact]
    public void A_floor_that_fails_names_the_items_and_what_to_change()
    {
        var floor = new FloorRecipe { Metric = FloorMetric.Accuracy, MaxDrop = 0, OnBreach = FloorBreach.Fail };
        var exception = Assert.Throws<FloorException>(() => Run(new() { Strategy = GroupingStrategy.One }, floor: floor, retune: false));

        Assert.Contains("Nothing was published", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_floor_that_keeps_only_reports()
    {
        var floor = new FloorRecipe { Metric = FloorMetric.Accuracy, MaxDrop = 0, OnBreach = FloorBreach.Keep };
        var merged = Run(new() { Strategy = GroupingStrategy.One }, floor: floor, retune: false);

        Assert.Equal(1, merged.Report.Encoders);
        Assert.Contains(merged.Report.Items, item => item.HoldsFloor == false);
    }

    [Fact]
    public void What_is_the_same_as_its_own_models_differs_from_them_by_nothing()
    {
        var comparison = Run(new() { Strategy = GroupingStrategy.None }).Report.Comparison!;

        Assert.Equal(new(0, 0, 0, 1), comparison.All!.VersusOwn!.Qwk);
        Assert.Null(comparison.MergedOnly);
        // A share of fine-tuning's gain is told exactly where that gain is clear.
        Assert.Equal(comparison.All.VersusFrozenBase.Qwk.Low > 0 ? new Interval(1, 1) : null, comparison.All.RecoveredGain);
    }

    [Fact]
    public void The_report_compares_what_is_served_with_what_it_replaces()
    {
        var report = Run(new() { Strategy = GroupingStrategy.One }, retune: false).Report;

        var (all, difference) = (report.All, report.Comparison!.All!.VersusOwn!.Qwk);
        Assert.Equal(all.Served!.Qwk - all.Own!.Qwk, difference.Value, 1e-12);
        Assert.InRange(difference.Value, difference.Low, difference.High);
        Assert.Equal(report.Comparison.All, report.Comparison.MergedOnly);
        Assert.Equal(all.Served.Qwk, all.Weighted!.Served!.Qwk, 1e-12);
        Assert.All(report.Items, item =>
        {
            Assert.InRange(item.Served.Test!.Qwk, item.Intervals!.Qwk.Low, item.Intervals.Qwk.High);
            Assert.Equal(["0", "1"], item.Labels.Select(label => label.Label));
            Assert.NotNull(item.Calibration!.After);
        });
        Assert.Equal("simple-average", report.Method!.Name);
    }

    [Fact]
    public void A_breach_that_is_kept_is_warned_of()
    {
        var floor = new FloorRecipe { Metric = FloorMetric.Accuracy, MaxDrop = 0, OnBreach = FloorBreach.Keep };
        var report = Run(new() { Strategy = GroupingStrategy.One }, floor: floor, retune: false).Report;

        Assert.All(report.Items.Where(item => item.HoldsFloor == false), item =>
            Assert.Contains(report.Warnings, warning => warning.StartsWith($"{item.ItemId} breaches the floor", StringComparison.Ordinal)));
        Assert.Equal([.. report.Warnings, "One more."], report.Warn("One more.").Warnings.AsEnumerable());
    }

    [Fact]
    public void A_report_reads_back_as_it_was_written()
    {
        var planned = Run(new() { Groups = JsonSerializer.SerializeToElement(2), Features = new() { Samples = 24, Layer = -2 } }).Report;
        var routed = Run(new() { Strategy = GroupingStrategy.One }, new { name = "wemoe", steps = 0 }).Report;
        var searched = Run(new() { Strategy = GroupingStrategy.One }, new { name = "auto", budgetMinutes = 0 }).Report;
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        };
        foreach (var report in new[] { planned, routed, searched })
        {
            var json = JsonSerializer.Serialize(report, options);
            Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<MergeReport>(json, options), options));
            Assert.DoesNotContain("redictions", json, StringComparison.Ordinal);
        }
        Assert.Equal(2, planned.Alignment!.PlannedGroups);
    }

    [Fact]
    public void What_is_published_opens_and_holds_the_merged_weights()
    {
        var root = Directory.CreateTempSubdirectory("bundles").FullName;
        try
        {
            var recipe = Recipe(new() { Strategy = GroupingStrategy.One }, new { name = "simple-average" }, new(), true);
            var merged = RunRecipe(recipe);
            var id = MergePublication.Publish(root, merged, Sources, recipe, DateTimeOffset.UnixEpoch, default);
            Assert.Equal(id, MergePublication.Publish(root, merged, Sources, recipe, DateTimeOffset.UnixEpoch, default));

            var bundle = Bundle.Open(Path.Combine(root, id));
            Assert.Equal(Ids, bundle.Items.Keys.Order());
            Assert.All(merged.Groups[0].Items, item =>
                Assert.Equal(item.Calibration.Temperature, bundle.Items[item.Item.Id].Calibration.Temperature));
            Assert.All(bundle.Items.Values, item => Assert.NotEqual(1, item.Calibration.Temperature));
            using var served = EncoderSession.Load(bundle.GraphPath(bundle.Manifest.Encoders[0]), Runtime);
            using var made = EncoderSession.Create(merged.Groups[0].Encoder, new EncoderOutput(), Runtime);
            var expected = PooledFeatures.Of(made, Sources.Items[0].Test, 1, default).Values;
            var actual = PooledFeatures.Of(served, Sources.Items[0].Test, 1, default).Values;
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void Eight_bits_are_taken_where_enough_validation_scores_stay_and_nowhere_else()
    {
        // Heads of sixteen, as the kernels need them; the weights are the same.
        var model = new StaticEncoder(Sources.Base.Config with { AttentionHeads = 2 }, Sources.Base.Encoder);
        using var session = EncoderSession.Create(model, new EncoderOutput(), Runtime);
        ImmutableArray<FittedItem> items = [.. Sources.Items.Select(item =>
            FittedItem.Of(PooledItem.From(session, item, 1, default), own: null, retune: true, default))];

        var (served, chosen) = EightBitChoice.Of(model, items, default);
        var (kept, impossible) = EightBitChoice.Of(model with { Config = Sources.Base.Config }, items, default);

        Assert.Equal(chosen.EightBit != EightBit.None, chosen.Agreement >= EightBitChoice.Floor);
        Assert.InRange(chosen.Agreement, .5, 1);
        Assert.Equal(EightBit.None, impossible.EightBit);
        Assert.Contains("sixteen", impossible.Reason, StringComparison.Ordinal);
        Assert.Same(model.Shared, kept.Shared);
        foreach (var (name, tensor) in model.Shared)
            Assert.Equal(Taken(name), !tensor.Values.SequenceEqual(served.Shared[name].Values));

        bool Taken(string name) => name.EndsWith(".weight", StringComparison.Ordinal) && (
            (name.Contains(".attention.self.", StringComparison.Ordinal) && chosen.EightBit.HasFlag(EightBit.Projections))
            || (name.Contains(".attention.output.dense.", StringComparison.Ordinal) && chosen.EightBit.HasFlag(EightBit.AttentionOutput))
            || (name.Contains(".intermediate.", StringComparison.Ordinal) && chosen.EightBit.HasFlag(EightBit.Up))
            || (Regex.IsMatch(name, @"^encoder\.layer\.\d+\.output\.dense\.") && chosen.EightBit.HasFlag(EightBit.Down)));
    }

    [Fact]
    public void A_bundle_says_why_an_encoder_stays_in_fp32_although_eight_bits_were_asked_for()
    {
        var root = Directory.CreateTempSubdirectory("bundles").FullName;
        try
        {
            var recipe = Recipe(new() { Strategy = GroupingStrategy.One }, new { name = "simple-average" }, new(), true) with { Precision = "int8" };
            var bundle = Bundle.Open(Path.Combine(
                root, MergePublication.Publish(root, RunRecipe(recipe), Sources, recipe, DateTimeOffset.UnixEpoch, default)));

            var precision = Assert.Single(bundle.Manifest.Encoders).Precision!;
            Assert.Equal(EightBit.None, precision.EightBit);
            Assert.NotEmpty(precision.Reason);
            using var served = bundle.Load(bundle.Manifest.Encoders[0], ServingEngine.Auto, Runtime);
            Assert.IsType<EncoderSession>(served);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void What_auto_chooses_is_what_a_recipe_that_names_it_makes()
    {
        var (found, progress) = RunReporting(AutoRecipe(new()), Sources);
        var search = Assert.IsType<SearchReport>(found.Report.Search);

        Assert.Equal(Auto.Candidates(itemModels: true).Select(candidate => candidate.Name), search.Candidates.Select(candidate => candidate.Name));
        Assert.All(search.Candidates, candidate => Assert.Null(candidate.Reason));
        var chosen = Assert.Single(search.Candidates, candidate => candidate.Chosen);
        Assert.Equal("auto", found.Report.Method!.Name);
        Assert.Equal(chosen.Method.GetRawText(), found.Report.Method.Chosen!.Value.GetRawText());
        Assert.Equal(chosen.ValidationQwk!.Value, found.Report.Items.Average(item => item.Served.Validation!.Qwk), 1e-12);
        Assert.Equal(chosen.Bytes, found.Groups.Sum(group => group.WeightBytes));

        var named = RunRecipe(AutoRecipe(new()) with { Method = chosen.Method });
        Assert.Equal(Metrics(named), Metrics(found));
        Assert.All(found.Report.Items, item => Assert.NotNull(item.Served.Test));

        Assert.Equal(["search", "merging"], progress.Select(step => step.Stage).Distinct());
        Assert.Equal(progress.Select(step => step.Fraction).Order(), progress.Select(step => step.Fraction));

        static IEnumerable<(MetricSet?, MetricSet?)> Metrics(MergedItems merged) =>
            merged.Report.Items.Select(item => (item.Served.Validation, item.Served.Test));
    }

    [Fact]
    public void What_auto_chooses_does_not_depend_on_test_responses()
    {
        var without = Sources with { Items = [.. Sources.Items.Select(item => item.WithoutTest())] };

        var (known, unknown) = (RunReporting(AutoRecipe(new()), Sources).Merged, RunReporting(AutoRecipe(new()), without).Merged);

        Assert.Equal(Outcomes(known), Outcomes(unknown));

        static IEnumerable<(string, double?, long, bool)> Outcomes(MergedItems merged) => merged.Report.Search!.Candidates.Select(candidate =>
            (candidate.Name, candidate.ValidationQwk, candidate.Bytes, candidate.Chosen));
    }

    [Fact]
    public void Auto_takes_what_holds_the_floor_before_what_is_better()
    {
        var floor = new FloorRecipe { Metric = FloorMetric.Accuracy, MaxDrop = .05, OnBreach = FloorBreach.Unmerge };
        var report = RunReporting(AutoRecipe(floor) with { Heads = new() { Retune = false } }, Sources).Merged.Report;

        // With their own heads, items fall behind on an average of four models, and hardly where half of their directions are kept.
        Assert.Contains(report.Search!.Candidates, candidate => candidate.HoldsFloor == false);
        Assert.True(report.Search.Chosen!.HoldsFloor);
        Assert.All(report.Items, item => Assert.False(item.Unmerged));
        Assert.All(report.Items, item => Assert.True(item.HoldsFloor));
    }

    [Fact]
    public void Without_item_models_auto_tries_what_needs_none()
    {
        var found = RunReporting(AutoRecipe(new()), Sources with { Models = new Dictionary<string, ItemModel>() }).Merged;

        Assert.Equal(["frozen-base", "multi-task"], found.Report.Search!.Candidates.Select(candidate => candidate.Name));
    }

    [Fact]
    public void An_encoder_that_was_not_made_from_item_models_gets_heads_of_its_own_in_any_case()
    {
        var merged = Run(new() { Strategy = GroupingStrategy.One }, new { name = "multi-task", epochs = 1 }, retune: false);

        Assert.All(merged.Groups[0].Items, item => Assert.NotSame(Sources.Models[item.Item.Id].Head, item.Head));
    }

    [Fact]
    public void Routers_findings_and_warnings_stand_in_the_report()
    {
        // A router without layers that learns nothing gives every response the same weights.
        var methods = new object[]
        {
            new { name = "wemoe", routerDepth = 0, steps = 0 },
            new { name = "low-rank", selection = "router", routerDepth = 0, steps = 0, shared = "regmean" },
        };
        foreach (var method in methods)
        {
            var report = Run(new() { Strategy = GroupingStrategy.One }, method).Report;

            var findings = Assert.Single(report.Method!.Findings);
            Assert.Equal("e0", findings.Encoder);
            Assert.Equal(2, findings.Routing!.Modules.Length);
            Assert.Equal(Ids, findings.Routing.Prevalence.Select(item => item.ItemId));
            Assert.All(findings.Routing.Modules, module => Assert.Equal(1, module.DominantShare));
            Assert.Contains(report.Warnings, warning => warning.StartsWith("e0: Router 0 prefers", StringComparison.Ordinal));
        }
        Assert.Empty(Run(new() { Strategy = GroupingStrategy.One }).Report.Method!.Findings);
    }

    [Fact]
    public void How_far_fine_tuning_moved_each_layer_stands_in_the_report()
    {
        var report = Run(new() { Strategy = GroupingStrategy.One }, new { name = "wemoe", steps = 0 }).Report;

        var changes = Assert.NotNull(Assert.Single(report.Method!.Findings).Changes);
        Assert.Equal([0, 1], changes.Select(change => change.Layer));
        Assert.All(changes, change => Assert.True(
            change.Attention.Norm > change.Attention.PerParameter && change.Mlp.PerParameter > 0, $"layer {change.Layer}"));
    }

    [Fact]
    public void A_run_without_alignment_gives_merging_all_of_its_progress()
    {
        var recipe = Recipe(new() { Strategy = GroupingStrategy.One }, new { name = "simple-average" }, new(), true);
        var progress = RunReporting(recipe, Sources).Progress;

        Assert.Equal(new("merging", 0, "group 1 of 1: a, b, c, d"), Assert.Single(progress));
    }

    [Fact]
    public void The_manifest_says_what_was_merged_and_how_the_method_was_found()
    {
        var root = Directory.CreateTempSubdirectory("bundles").FullName;
        try
        {
            var recipe = AutoRecipe(new()) with { Method = JsonSerializer.SerializeToElement(new { name = "auto", budgetMinutes = 0 }) };
            var merged = RunRecipe(recipe);
            var id = MergePublication.Publish(root, merged, Sources, recipe, DateTimeOffset.UnixEpoch, default);
            var again = MergePublication.Publish(root, RunRecipe(recipe), Sources, recipe, DateTimeOffset.UnixEpoch, default);

            Assert.Equal(id, again);
            var manifest = Bundle.Open(Path.Combine(root, id)).Manifest;
            Assert.Equal(["items/a", "items/b", "items/c", "items/d", "tiny"], manifest.Parents.Keys);
            Assert.Equal(5, manifest.Parents.Values.Distinct().Count());
            Assert.All(manifest.Parents.Values, hash => Assert.Matches("^[0-9a-f]{64}$", hash));
            Assert.Equal(0, manifest.Recipe.GetProperty("method").GetProperty("budgetMinutes").GetDouble());
            var provenance = manifest.Provenance!.Value;
            Assert.Equal("simple-average", provenance.GetProperty("chosen").GetProperty("name").GetString());
            var candidates = provenance.GetProperty("search").GetProperty("candidates").EnumerateArray().ToArray();
            Assert.Equal(Auto.Candidates(itemModels: true).Length, candidates.Length);
            Assert.Contains("budget", candidates[1].GetProperty("reason").GetString(), StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void The_manifest_keeps_what_a_language_model_was_asked()
    {
        var report = Run(new() { Strategy = GroupingStrategy.None }).Report;
        var grouping = new GroupingProvenance("host", "model", [new("instructions", "question", null, "answer")]);

        Assert.Null(MergeProvenance.Of(report));
        Assert.Equal(grouping, MergeProvenance.Of(report with { Provenance = grouping })!.Grouping);
    }

    static MergeRecipe AutoRecipe(FloorRecipe floor) => Recipe(new() { Strategy = GroupingStrategy.One }, new { name = "auto" }, floor, true);

    static (MergedItems Merged, List<StageProgress> Progress) RunReporting(MergeRecipe recipe, MergeSources sources)
    {
        var progress = new List<StageProgress>();
        var merged = new MergeRun(sources, References, Runtime, 2).Run(
            recipe, MethodCatalog.Parse(recipe.Method, out _)!, alignment: null, new InlineProgress<StageProgress>(progress.Add), default);
        return (merged, progress);
    }

    static MergedItems Run(GroupingRecipe grouping, object? method = null, FloorRecipe? floor = null, bool retune = true) =>
        RunRecipe(Recipe(grouping, method ?? new { name = "simple-average" }, floor ?? new(), retune));

    static MergedItems Run(GroupingRecipe grouping, MergeMethod method, bool retune = true) =>
        RunRecipe(Recipe(grouping, JsonSerializer.SerializeToElement(method, JsonSerializerOptions.Web), new(), retune));

    static MergedItems RunRecipe(MergeRecipe recipe, SimilarityRater? rater = null) => new MergeRun(Sources, References, Runtime, 2, rater)
        .Run(recipe, MethodCatalog.Parse(recipe.Method, out _)!, alignment: null, Silent<StageProgress>(), default);

    static MergeRecipe Recipe(GroupingRecipe grouping, object method, FloorRecipe floor, bool retune) =>
        new() { Grouping = grouping, Method = JsonSerializer.SerializeToElement(method), Floor = floor, Heads = new() { Retune = retune } };

    static string Describe(MergeReport report) => string.Join(" | ", report.Groups.Select(group => string.Join(',', group.ItemIds)));

    static Progress<T> Silent<T>() => new Progress<T>();

    static MergeSources MakeSources(int seed)
    {
        var random = new Random(seed);
        var baseModel = new Checkpoint(TinyBert.Config, TinyBert.Encoder, null, new Dictionary<string, byte[]> { ["vocab.txt"] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n"u8.ToArray() });
        ImmutableArray<TokenizedItem> items = [.. Ids.Select((id, index) => MakeItem(id, 10 + index, random))];
        var tuner = new FineTuner(threads: 1, TimeProvider.System);
        var models = items.ToDictionary(item => item.Id, item =>
        {
            var ids = item.Data.Train.Concat(item.Data.Validation).Zip(item.Train.Concat(item.Validation)).ToDictionary(pair => pair.First.Text, pair => pair.Second);
            var recipe = new TrainingRecipe { Epochs = 6, EncoderLearningRate = 2e-3f, HeadLearningRate = 1e-2f, MaxTokens = 16, Patience = 6 };
            return tuner.Train(TinyBert.Config, TinyBert.Encoder, item.Data, (text, _) => ids[text], recipe, Silent<StageProgress>(), default).Model;
        });
        return new("tiny", baseModel, items, models, MaxTokens: 16);
    }

    // The label: whether the item's own token stands in the response.
    static TokenizedItem MakeItem(string id, int token, Random random)
    {
        var item = new Item { Id = id, Scoring = ScoringKind.MultiClass, Labels = ["0", "1"], Points = [0, 1] };
        var (train, trainIds) = Split("train", 96);
        var (validation, validationIds) = Split("validation", 48);
        var (test, testIds) = Split("test", 48);
        return new(new(item, train, validation, test), trainIds, validationIds, testIds);

        (ImmutableArray<LabelledResponse> Responses, int[][] Ids) Split(string split, int count)
        {
            int[][] ids = [.. Enumerable.Range(0, count).Select(i =>
            {
                int[] words = [.. Enumerable.Range(0, random.Next(3, 9)).Select(_ => random.Next(20, 50))];
                if (i % 2 == 0)
                    words[random.Next(words.Length)] = token;
                return (int[])[2, .. words, 3];
            })];
            return ([.. ids.Select((sequence, i) => new LabelledResponse($"{split}{i}", $"{split} {i}", [!sequence.Contains(token), sequence.Contains(token)]))], ids);
        }
    }
}
