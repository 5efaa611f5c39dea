using System.Collections.Immutable;
using ScoringService.Inference.Tests;
using ScoringService.Merging.Methods;
using ScoringService.Merging.Search;
using static ScoringService.Merging.Tests.Search.Candidates;

namespace ScoringService.Merging.Tests.Search;

public sealed class MethodSearchTests
{
    static readonly ImmutableArray<(string Name, MergeMethod Method)> Three =
        [("first", new SimpleAverage()), ("second", new TaskArithmetic()), ("third", new Ties())];

    readonly ManualClock clock = new();

    [Fact]
    public void Nothing_is_started_once_the_budget_is_spent()
    {
        var report = Search(new() { BudgetMinutes = 5 }, _ => Taking(minutes: 3, Trial(.8, 100))).Report;

        Assert.Equal([180, 180, null], report.Candidates.Select(candidate => candidate.Seconds));
        Assert.Contains("5 minutes", report.Candidates[2].Reason, StringComparison.Ordinal);
        Assert.Null(report.Candidates[2].ValidationQwk);
    }

    [Fact]
    public void One_method_is_finished_however_small_the_budget()
    {
        var outcome = Search(new() { BudgetMinutes = 0 }, method =>
            method is SimpleAverage ? throw new MergeException("It cannot be.") : Taking(minutes: 3, Trial(.8, 100)));

        Assert.Equal("second", outcome.Report.Chosen!.Name);
        Assert.Equal(new TaskArithmetic(), outcome.Method);
        Assert.NotNull(outcome.Report.Candidates[2].Reason);
    }

    [Fact]
    public void A_method_that_fails_is_passed_over_with_its_reason()
    {
        var report = Search(new(), method => method switch
        {
            SimpleAverage => throw new MergeException("The models do not fit together."),
            TaskArithmetic => throw new AggregateException(new NotFiniteNumberException("It diverged.")),
            _ => Trial(.8, 100),
        }).Report;

        Assert.Equal(["The models do not fit together.", "It diverged.", null], report.Candidates.Select(candidate => candidate.Reason));
        Assert.Equal([false, false, true], report.Candidates.Select(candidate => candidate.Chosen));
    }

    [Fact]
    public void Where_every_method_fails_the_reasons_are_told()
    {
        var failure = Assert.Throws<MergeException>(() => Search(new(), _ => throw new MergeException("Too few responses.")));

        Assert.Contains("third: Too few responses.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_that_is_none_of_the_methods_ends_the_search() =>
        Assert.Throws<InvalidDataException>(() => Search(new(), _ => throw new InvalidDataException()));

    [Fact]
    public void A_search_that_is_stopped_chooses_nothing()
    {
        using var stop = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => Search(new(), _ => Stopped(), stop: stop.Token));

        Trial Stopped()
        {
            stop.Cancel();
            return Trial(.8, 100);
        }
    }

    [Fact]
    public void A_failure_on_being_stopped_is_not_held_against_the_method()
    {
        using var stop = new CancellationTokenSource();

        Assert.Throws<MergeException>(() => Search(new(), _ => Fail(), stop: stop.Token));

        Trial Fail()
        {
            stop.Cancel();
            throw new MergeException("Stopped halfway.");
        }
    }

    [Fact]
    public void The_method_is_told_as_a_recipe_has_it()
    {
        var report = Search(new(), method => Trial(method is Ties ? .9 : .8, 100)).Report;

        Assert.Equal(new Ties(), MethodCatalog.Parse(report.Chosen!.Method, out _));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_candidate_can_stand_in_a_recipe(bool itemModels)
    {
        var candidates = Auto.Candidates(itemModels);

        Assert.All(candidates, candidate => Assert.True(itemModels || !candidate.Method.NeedsItemModels, candidate.Name));
        Assert.Equal(candidates.Length, candidates.Select(candidate => candidate.Name).Distinct().Count());
        Assert.All(Search(new(), _ => Trial(.8, 100), candidates).Report.Candidates, candidate =>
            Assert.NotNull(MethodCatalog.Parse(candidate.Method, out _)));
    }

    Trial Taking(int minutes, Trial trial)
    {
        clock.Advance(TimeSpan.FromMinutes(minutes));
        return trial;
    }

    SearchOutcome Search(
        Auto auto, Func<MergeMethod, Trial> attempt, ImmutableArray<(string Name, MergeMethod Method)>? candidates = null,
        CancellationToken stop = default) =>
        new MethodSearch(auto, clock).Run(candidates ?? Three, (method, _) => attempt(method), new Progress<StageProgress>(), stop);
}
