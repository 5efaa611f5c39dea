using ScoringService.Merging.Search;
using static ScoringService.Merging.Tests.Search.Candidates;

namespace ScoringService.Merging.Tests.Search;

public sealed class MethodChoiceTests
{
    [Fact]
    public void Within_the_tolerance_the_smallest_wins() =>
        Assert.Equal(1, Choose(.005, Finished(.800, 300), Finished(.796, 100), Finished(.790, 50)));

    [Fact]
    public void Without_a_tolerance_the_best_wins() =>
        Assert.Equal(0, Choose(0, Finished(.800, 300), Finished(.796, 100), Finished(.790, 50)));

    [Fact]
    public void Of_equal_size_the_better_wins_and_of_equals_the_first() =>
        Assert.Equal(1, Choose(.005, Finished(.796, 100), Finished(.800, 100), Finished(.800, 100)));

    [Fact]
    public void Only_those_that_hold_the_floor_are_compared() =>
        Assert.Equal(1, Choose(.005, Finished(.9, 10, false), Finished(.7, 100, true), Finished(.699, 200, true), Finished(.85, 10, false)));

    [Fact]
    public void Where_none_holds_the_floor_the_best_wins_whatever_its_size() =>
        Assert.Equal(1, Choose(.005, Finished(.799, 10, false), Finished(.8, 100, false)));

    [Fact]
    public void Without_validation_responses_the_smallest_wins() =>
        Assert.Equal(2, Choose(.005, Failed(), Finished(null, 100), Finished(null, 10)));

    [Fact]
    public void What_failed_is_never_chosen() => Assert.Empty(MethodChoice.Contenders([Failed(), Failed()], 1));

    [Fact]
    public void What_is_given_up_on_the_way_would_not_have_been_chosen_in_the_end()
    {
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var tolerance = random.Next(3) * .01;
            SearchCandidate[] all = [.. Enumerable.Range(0, 8).Select(_ =>
                Finished(random.Next(60, 66) / 100.0, random.Next(1, 5), random.Next(3) switch { 0 => null, 1 => true, _ => false }))];
            var chosen = Choose(tolerance, all);
            for (var tried = chosen + 1; tried <= all.Length; tried++)
                Assert.True(MethodChoice.Contenders(all[..tried], tolerance).Contains(chosen), $"seed {seed}, after {tried}");
        }
    }

    static int Choose(double tolerance, params SearchCandidate[] tried) => MethodChoice.Contenders(tried, tolerance).First();
}
